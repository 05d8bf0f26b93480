import { CacheSweeperError } from '../errors.ts';
import type { Identifier, Identity } from './identity.ts';
import { ownName, sweptNames } from './names.ts';

/** Models that one invalidation may reach through `touches`; more is a circle of ever new models. */
const MAX_TOUCHED = 100_000;

/**
 * Collects the names that changes of models sweep, those of what they touch among them, each once.
 */
export class SweptNames {
  /** With the digest of the `using` attribute to record in the token, if any. */
  readonly names: Map<string, string | undefined> = new Map();
  readonly #identifier: Identifier;
  readonly #seen = new Set<string>();
  #touchedModels = 0;

  constructor(identifier: Identifier) {
    this.#identifier = identifier;
  }

  /** @throws CacheSweeperError CACHESWEEPER_NO_IDENTITY, CACHESWEEPER_TYPE_CONFLICT, CACHESWEEPER_BAD_OPTION */
  add(model: unknown, identity: Identity, recorded: string | undefined): void {
    const queue = [{ model, identity, recorded, isTouched: false }];
    // What is touched is appended while the list is walked.
    for (const at of queue) {
      const own = ownName(at.identity);
      for (const name of sweptNames(at.identity)) {
        if (name === own && at.recorded !== undefined) this.names.set(name, at.recorded);
        else if (!this.names.has(name)) this.names.set(name, undefined);
      }
      // A model that was given is asked whatever was met before: it may be another state of the row, or the first of
      // its name that is more than a type and an id.
      if (at.isTouched && this.#seen.has(own)) continue;
      this.#seen.add(own);
      if (at.isTouched && ++this.#touchedModels > MAX_TOUCHED) throw tooMany();
      for (const touched of this.#touched(at.model, at.identity)) {
        queue.push({
          model: touched,
          identity: this.#identifier.identity(touched),
          recorded: undefined,
          isTouched: true,
        });
      }
    }
  }

  #touched(model: unknown, { type, id }: Identity): readonly unknown[] {
    // A class or the name of a type is no row that a function of rows could be asked about.
    if (id === undefined) return [];
    const touches = this.#identifier.registration(type)?.touches as ((model: unknown) => unknown) | undefined;
    const touched = touches?.(model);
    if (touched === undefined || touched === null) return [];
    return Array.isArray(touched) ? touched : [touched];
  }
}

function tooMany(): CacheSweeperError {
  return new CacheSweeperError(
    'CACHESWEEPER_BAD_OPTION',
    `touches led from one model to more than ${MAX_TOUCHED} others: name a class instead of its rows`,
  );
}
