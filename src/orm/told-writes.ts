import { CacheSweeperError } from '../errors.ts';
import type { SweepTransaction } from '../invalidation/transaction.ts';
import type { Identifier } from '../model/identity.ts';
import { EVERYTHING } from '../model/names.ts';
import { partialRow } from '../model/partial-row.ts';
import type { HookModels } from './hook-models.ts';
import type { Write } from './write.ts';

/** A write of a model, or what it was for another model of the same table. */
type ToldWrite = Write & { readonly isRelative?: true };

/** Turns what an ORM has written into changes of a transaction. */
export class ToldWrites {
  readonly #models: HookModels;
  readonly #identifier: Identifier;

  constructor(models: HookModels, identifier: Identifier) {
    this.#models = models;
    this.#identifier = identifier;
  }

  /** Returns all that some writes are, of models whose writes count. */
  told(writes: readonly Write[]): readonly ToldWrite[] {
    return withoutRepeats(writes.flatMap((write) => this.#withRelatives(write))).filter(({ model }) =>
      this.#models.hears(model),
    );
  }

  /** A row is one of each model that has its table. What it has not got of another model is unknown. */
  #withRelatives(write: Write): readonly ToldWrite[] {
    const relatives = this.#models.relativesOf(write);
    if (relatives.length === 0) return [write];
    const rows = write.rows?.map(({ now, previous, ...more }) => ({
      ...more,
      now: partialRow(now),
      previous: previous && partialRow(previous),
    }));
    return [write, ...relatives.map((relative) => ({ ...relative, rows, isRelative: true as const }))];
  }

  /** Adds the changes of a write to a transaction; everything, where they cannot be told. */
  collect(write: ToldWrite, into: SweepTransaction): void {
    const { model, modelClass, rows, anyRow, isRelative } = write;
    if (write.model === EVERYTHING) return into.invalidateAll();
    const of = modelClass ?? this.#models.typeOf(model);
    try {
      const type = modelClass === undefined ? this.#models.typeOf(model) : this.#typeIf(isRelative, modelClass);
      if (rows === undefined) return into.invalidateAllOf(of, anyRow && [{ now: anyRow }]);
      // A plain row does not tell which client it is from.
      if (modelClass === undefined && this.#models.tenant !== undefined) {
        for (const row of rows.flatMap(({ now, previous }) => [now, previous])) if (row) this.#models.knows(row, model);
      }
      // Without a usable key nobody knows which row it is, but its type is known, and what it touches.
      if (!rows.every(({ now, previous }) => this.#isIdentified(now, type) && this.#isIdentified(previous, type))) {
        return into.invalidateAllOf(of, rows);
      }
      for (const { now, previous, comesOrGoes } of rows) {
        into.invalidateCacheFor(now, {
          ...(type === undefined ? {} : { type }),
          ...(comesOrGoes ? {} : this.#models.using(model, now)),
          ...(previous === undefined ? {} : { previous }),
        });
      }
    } catch (error) {
      into.fail(error);
    }
  }

  /** The rows of a relative are of another class than its own. */
  #typeIf(isRelative: true | undefined, modelClass: object): string | undefined {
    return isRelative ? this.#identifier.identity(modelClass).type : undefined;
  }

  #isIdentified(row: object | undefined, type: string | undefined): boolean {
    if (row === undefined) return true;
    try {
      this.#identifier.identity(row, type);
      return true;
    } catch (error) {
      if (error instanceof CacheSweeperError && error.code === 'CACHESWEEPER_NO_IDENTITY') return false;
      throw error;
    }
  }
}

/** Of a table with several models, each may be told as itself and as a relative of the others. */
function withoutRepeats<W extends Write>(writes: readonly W[]): readonly W[] {
  const met = new Map<string, Set<unknown>>();
  return writes.filter(({ model, modelClass, rows }) => {
    if (rows !== undefined) return true;
    const classes = met.get(model) ?? new Set();
    met.set(model, classes);
    return !classes.has(modelClass) && classes.add(modelClass);
  });
}
