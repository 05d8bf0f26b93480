import { CacheSweeperError } from '../errors.ts';
import type { Identifier, Identity } from '../model/identity.ts';
import { EVERYTHING, sweptNames } from '../model/names.ts';
import { isPartialRow, isUnknown, partialRow } from '../model/partial-row.ts';

/** Models that one invalidation may reach through `touches`; more is a circle of ever new models. */
const MAX_TOUCHED = 100_000;

/** What `touches` of a partial row leaves open: nobody can say which models it means. */
const ANYTHING: unique symbol = Symbol('anything');

type Touched = typeof ANYTHING | { readonly model: unknown; readonly identity: Identity };
interface At {
  readonly model: unknown;
  readonly identity: Identity;
  readonly previous: object | undefined;
  readonly isTouched: boolean;
}
type Touches = (model: unknown, previous?: unknown) => unknown;

/**
 * Collects the names that changes of models sweep, those of what they touch among them, each once.
 */
export class SweptNames {
  readonly names: Set<string> = new Set();
  readonly #identifier: Identifier;
  readonly #seen = new Set<string>();
  #touchedModels = 0;

  constructor(identifier: Identifier) {
    this.#identifier = identifier;
  }

  /**
   * @param previous the row as it was before, if that is known: for `touches` to look at
   * @throws CacheSweeperError CACHESWEEPER_NO_IDENTITY, CACHESWEEPER_TYPE_CONFLICT, CACHESWEEPER_BAD_OPTION
   */
  add(model: unknown, identity: Identity, previous?: object): void {
    const queue: At[] = [{ model, identity, previous, isTouched: false }];
    // What is touched is appended while the list is walked.
    for (const at of queue) {
      const swept = sweptNames(at.identity);
      const [own] = swept;
      for (const name of swept) this.names.add(name);
      // A model that was given is asked whatever was met before: it may be another state of the row, or the first of
      // its name that is more than a type and an id.
      if (at.isTouched && this.#seen.has(own)) continue;
      this.#seen.add(own);
      if (at.isTouched && ++this.#touchedModels > MAX_TOUCHED) throw tooMany();
      for (const touched of this.#touched(at.model, at.identity, at.previous)) {
        if (touched === ANYTHING) this.names.add(EVERYTHING);
        else queue.push({ ...touched, previous: undefined, isTouched: true });
      }
    }
  }

  #touched(model: unknown, { type, id }: Identity, previous: object | undefined): readonly Touched[] {
    // A class or the name of a type is no row that a function of rows could be asked about.
    if (id === undefined && !isPartialRow(model)) return [];
    const touches = this.#identifier.registration(type)?.touches as Touches | undefined;
    if (touches === undefined) return [];
    return this.#asked(model, isPartialRow(previous), () => touches(model, previous));
  }

  #asked(row: unknown, isPartly: boolean, touches: () => unknown): readonly Touched[] {
    if (!isPartly && !isPartialRow(row)) {
      return listed(touches()).map((model) => ({ model, identity: this.#identifier.identity(model) }));
    }
    try {
      return listed(touches()).map((model) => this.#partlyTouched(model));
    } catch {
      // It cannot cope with unknown attributes: it has not said what it touches.
      return [ANYTHING];
    }
  }

  /** What a partial row touches may have no id that is known: then it is all of its type, or anything. */
  #partlyTouched(model: unknown): Touched {
    if (isUnknown(model)) return ANYTHING;
    try {
      return { model, identity: this.#identifier.identity(model) };
    } catch {
      const { type, constructor: made } = model as { readonly type?: unknown; readonly constructor?: unknown };
      const named = typeof type === 'string' ? type : made;
      if (named === Object) return ANYTHING;
      return { model: partialRow({}), identity: { type: this.#identifier.identity(named).type, id: undefined } };
    }
  }
}

function listed(touched: unknown): readonly unknown[] {
  if (touched === undefined || touched === null) return [];
  return Array.isArray(touched) ? touched : [touched];
}

function tooMany(): CacheSweeperError {
  return new CacheSweeperError(
    'CACHESWEEPER_BAD_OPTION',
    `touches led from one model to more than ${MAX_TOUCHED} others: name a class instead of its rows`,
  );
}
