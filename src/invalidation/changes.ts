import { tellsSaves, usingValue } from '../model/attribute.ts';
import { BoundedNames, MAX_OF_TYPE } from '../model/bounded-names.ts';
import type { Identifier } from '../model/identity.ts';
import { ownName } from '../model/names.ts';
import { isUnknown } from '../model/partial-row.ts';
import type { BumpCause } from '../reporting/cause.ts';
import { canonicalList } from '../util/canonical.ts';
import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { digest } from '../util/digest.ts';
import { BumpedNames } from './bumped-names.ts';
import type { CausesOfNames } from './causes.ts';

/** Options of {@link CacheSweeper.invalidateCacheFor}. */
export interface InvalidateOptions {
  /** Bumps a model only if this attribute differs from the one recorded at its last bump. Default: always. */
  readonly using?: string;
  /**
   * Type of the models, as `type=` of the tag; they count as its rows, whatever their class. Default: the models' own
   * types.
   */
  readonly type?: string;
  /**
   * The model before the change, with all of its attributes, so that models it touched then are bumped, too. Only for
   * one model.
   */
  readonly previous?: object;
}

/** A change that counts only if an attribute differs from the one recorded in the model's token. */
interface Conditional {
  readonly recorded: string;
  /** All names that the change bumps, including the model's own. */
  readonly names: ReadonlySet<string>;
  /** It counts even if the attribute is the recorded one, which may be too coarse to tell two saves apart. */
  readonly counts: boolean;
}

/** Names to bump. They are computed when a change is reported, because the model may change again before the bump. */
export interface Changes {
  readonly names: ReadonlySet<string>;
  /** By the own name of the model. */
  readonly conditional: ReadonlyMap<string, Conditional>;
  /** What changed it; undefined without the option `causes`. */
  readonly causes?: CausesOfNames | undefined;
}

/**
 * Computes the names that a change of these models bumps.
 *
 * @throws CacheSweeperError CACHESWEEPER_NO_IDENTITY, CACHESWEEPER_TYPE_CONFLICT, CACHESWEEPER_BAD_KEY,
 * CACHESWEEPER_BAD_OPTION
 */
export function changesOf(identifier: Identifier, models: readonly unknown[], options: InvalidateOptions): Changes {
  checkOptions(models, options);
  const { using, type, previous } = options;
  const bumped = new BumpedNames(identifier);
  const conditional = new Map<string, Conditional>();
  for (const model of models) {
    const identity = identifier.identity(model, type);
    // Names of this model alone depend on its attribute, so collect them apart.
    const into = using === undefined ? bumped : new BumpedNames(identifier);
    into.add(model, identity, previous);
    if (previous !== undefined) into.add(previous, identifier.identity(previous, type));
    if (using === undefined) continue;
    const own = ownName(identity);
    const before = conditional.get(own);
    const counts = before?.counts === true || changesAttribute(model, previous, using);
    conditional.set(own, { recorded: record(model, using), names: union(before?.names, into.names), counts });
  }
  return { names: bumped.names, conditional };
}

/** Returns the same names as one change that ignores recorded attributes and records none. */
export function unconditional({ names, conditional, causes }: Changes): Changes {
  const all = new Set(names);
  for (const change of conditional.values()) for (const name of change.names) all.add(name);
  return { names: all, conditional: new Map(), causes };
}

function checkOptions(models: readonly unknown[], { type, previous }: InvalidateOptions): void {
  if (type !== undefined && typeof type !== 'string') {
    throw badOption('invalidateCacheFor() type', 'the name of a type', describe(type));
  }
  const isRow = typeof previous === 'object' && previous !== null;
  if (previous === undefined || (isRow && models.length === 1)) return;
  const got = isRow ? `one for ${models.length}` : describe(previous);
  throw badOption('invalidateCacheFor() previous', 'one model as it was before, for an invalidation of one model', got);
}

const NO_CAUSES: CausesOfNames = new Map();

/** The changes of one transaction. */
export class CollectedChanges implements Changes {
  readonly #names = new BoundedNames();
  readonly conditional: Map<string, Conditional> = new Map();
  /** The last one of each name, for as many names as are kept. */
  readonly #causes = new Map<string, BumpCause>();

  get names(): ReadonlySet<string> {
    return this.#names.names;
  }

  get isEmpty(): boolean {
    return this.names.size === 0 && this.conditional.size === 0;
  }

  get causes(): CausesOfNames {
    return this.#causes;
  }

  add({ names, conditional, causes }: Changes): void {
    for (const [name, cause] of causes ?? NO_CAUSES) {
      if (this.#causes.size < MAX_OF_TYPE || this.#causes.has(name)) this.#causes.set(name, cause);
    }
    for (const name of names) this.#names.add(name);
    for (const [own, change] of conditional) {
      const before = this.conditional.get(own);
      if (before === undefined && this.conditional.size >= MAX_OF_TYPE) {
        for (const name of change.names) this.#names.add(name);
      } else {
        // Keep the last value of the attribute, because that is what the database will have.
        const counts = before?.counts === true || change.counts;
        this.conditional.set(own, { recorded: change.recorded, names: union(before?.names, change.names), counts });
      }
    }
  }
}

/** Returns the digest of the attribute that `using` names, for a token. */
function record(model: unknown, using: string): string {
  return digest(canonicalList([using, usingValue(model, using)], 'using'), 11);
}

/** Whether a change surely or possibly gave the attribute another value. */
function changesAttribute(model: unknown, previous: object | undefined, using: string): boolean {
  if (!tellsSaves(usingValue(model, using))) return true;
  const before = (previous as Readonly<Record<string, unknown>> | undefined)?.[using];
  if (before === undefined || isUnknown(before)) return false;
  return record(previous, using) !== record(model, using);
}

function union(a: ReadonlySet<string> | undefined, b: ReadonlySet<string>): ReadonlySet<string> {
  return a === undefined ? b : new Set([...a, ...b]);
}
