import { CacheSweeperError } from '../errors.ts';
import type { SweepTransaction } from '../invalidation/transaction.ts';
import type { UncertainWrites } from '../invalidation/uncertain-writes.ts';
import type { Identifier } from '../model/identity.ts';
import type { KnownModels } from '../model/known-models.ts';
import type { RowModel } from '../model/known-rows.ts';
import { EVERYTHING } from '../model/names.ts';
import { isUnknown, partialRow } from '../model/partial-row.ts';
import type { OutboxWriter } from '../outbox/database.ts';
import { ownPartsOf } from '../sweeper/parts.ts';
import type { CacheSweeper } from '../sweeper.ts';
import { isDatabaseAnswer, isUnsent } from './database-answer.ts';
import { checkOptions, HOOK, type HookedModel, type SaveHookOptions } from './hook-options.ts';
import { HookOutbox, type Saving } from './hook-outbox.ts';
import { claimPlaces, type Place } from './places.ts';

export type { HookedModel, SaveHookOptions } from './hook-options.ts';
export type { Place } from './places.ts';

/** Limit of rows for `bulk: 'rows'`. With more, the type is bumped. */
export const MAX_BULK_ROWS = 1_000;

/** A row as it is now and, if known, was before. */
export interface WrittenRow {
  readonly now: object;
  readonly previous?: object | undefined;
  /** Whether it was deleted or restored. That counts whatever the attribute of `using` is, which stays the same. */
  readonly comesOrGoes?: boolean;
}

/** One write, as an ORM's hook saw it. */
export interface Write {
  /** The ORM's name of the model. */
  readonly model: string;
  /** The model's class; undefined for models whose rows are plain objects. */
  readonly modelClass: object | undefined;
  /** Undefined if the rows are not known. */
  readonly rows: readonly WrittenRow[] | undefined;
  /** A row of which nothing is known, for `touches` where the rows are not known. Default: a plain one. */
  readonly anyRow?: object | undefined;
}

/** Stands for a write of which nobody knows what it has changed. */
export const ANY_WRITE: Write = { model: EVERYTHING, modelClass: undefined, rows: undefined };

/** What an ORM knows beside its writes. */
export interface HookedOrm {
  readonly known: KnownModels;
  /** Returns the other models whose rows are in the table that a write was for. */
  relatives(write: Write): readonly Omit<Write, 'rows'>[];
}

/** The part that the hooks of all ORMs share: it checks options and passes writes to the sweeper. */
export class SaveHook {
  readonly bulk: 'type' | 'rows';
  readonly #sweeper: CacheSweeper;
  readonly #models: ReadonlyMap<string, HookedModel>;
  readonly #excluded: ReadonlySet<string>;
  readonly #strict: boolean;
  readonly #identifier: Identifier;
  readonly #uncertain: UncertainWrites;
  readonly #named: readonly (readonly [name: string, modelClass: object | undefined])[];
  readonly #rowModels = new Map<string, RowModel>();
  #known: KnownModels = () => undefined;
  #relatives: HookedOrm['relatives'] = () => [];
  readonly tenant: string | undefined;
  readonly outbox: HookOutbox;

  /**
   * @param models the ORM's models by name, with their classes if they have any; several may have one name
   * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when an option has an unknown name or a wrong value
   */
  constructor(
    sweeper: CacheSweeper,
    options: SaveHookOptions,
    models: Iterable<readonly [name: string, modelClass: object | undefined]>,
  ) {
    const named = [...models];
    checkOptions(sweeper, options, new Map(named));
    this.#sweeper = sweeper;
    this.#models = new Map(Object.entries(options.models ?? {}));
    this.#excluded = new Set(options.exclude);
    this.#strict = options.strict ?? false;
    this.bulk = options.bulk ?? 'type';
    this.tenant = options.tenant;
    const { identifier, uncertain, outbox } = ownPartsOf(HOOK, sweeper);
    this.#identifier = identifier;
    this.#uncertain = uncertain;
    this.#named = named;
    this.outbox = new HookOutbox(outbox);
  }

  /**
   * Tells the sweeper what the ORM and the options know of the models, and the hook which of them share a table.
   *
   * @throws CacheSweeperError CACHESWEEPER_TYPE_CONFLICT
   */
  learn({ known, relatives }: HookedOrm): void {
    this.#relatives = relatives;
    this.#known = known;
    // Known tables first: two classes of one table may be registered under one type.
    this.#identifier.learn(known);
    for (const [name, modelClass] of this.#named) {
      const { type, id, tenant } = this.#models.get(name) ?? {};
      const told = Object.entries({ type, id, tenant }).filter(([, value]) => value !== undefined);
      if (told.length === 0) continue;
      const model = typeof modelClass === 'function' ? modelClass : this.typeOf(name);
      this.#sweeper.register(model, Object.fromEntries(told));
    }
  }

  /** Makes the sweeper ask again for what it remembers of the ORM's models. */
  learnAgain(): void {
    this.#rowModels.clear();
    this.#identifier.forget();
  }

  /**
   * Refuses models whose rows come from two sources but would be taken for the same.
   *
   * @throws CacheSweeperError CACHESWEEPER_TYPE_CONFLICT
   */
  claim(claimed: readonly Place[]): void {
    claimPlaces(this.#identifier, claimed, (name) => {
      return this.tenant !== undefined || this.#models.get(name)?.tenant !== undefined;
    });
  }

  /** Names of the models whose writes are not heard. */
  get excluded(): ReadonlySet<string> {
    return this.#excluded;
  }

  hears(model: string): boolean {
    return !this.#excluded.has(model);
  }

  /** Returns the type of rows of a model without a class. */
  typeOf(model: string): string {
    return this.#models.get(model)?.type ?? model;
  }

  /** Tells the sweeper of which model a row is that is a plain object. */
  knows(row: object, model: string): void {
    this.#identifier.rows.add(row, this.#rowModel(model));
  }

  #rowModel(model: string): RowModel {
    let known = this.#rowModels.get(model);
    if (known === undefined) {
      const type = this.typeOf(model);
      const { id = this.#known(type)?.id, tenant } = this.#models.get(model) ?? {};
      const ofClient = this.tenant === undefined ? undefined : () => this.tenant;
      known = { type, id, tenant: tenant ?? ofClient, isHeard: this.hears(model) };
      this.#rowModels.set(model, known);
    }
    return known;
  }

  /** Returns the ORM's name of the model that templates know by this type, if it is one of the ORM's. */
  modelOf(type: string): string | undefined {
    for (const [name, told] of this.#models) if (told.type === type) return name;
    return this.typeOf(type) === type ? type : undefined;
  }

  /** @param parent for a savepoint: the transaction around it */
  begin(parent?: SweepTransaction): SweepTransaction {
    return this.#sweeper.beginTransaction({ parent, strict: this.#strict });
  }

  /**
   * Sends a query that writes. Outside of a transaction, the outbox gets before it what it may change: whoever dies behind it tells
   * nobody what it has changed.
   *
   * @param models what it may change
   * @param transaction where it is sent
   * @param own sends a statement on the connection that the query has. Default: it has none yet
   * @returns what the query has given, and what is to be passed to {@link heard}
   */
  async sending<T>(
    models: readonly Omit<Write, 'rows'>[],
    transaction: SweepTransaction | undefined,
    send: () => Promise<T>,
    own?: OutboxWriter,
  ): Promise<{ readonly result: T; readonly saving: Saving | undefined }> {
    const isAlone = openOf(transaction) === undefined;
    const saving = isAlone ? await this.outbox.begin(() => this.#namesOf(models), own) : undefined;
    try {
      return { result: await send(), saving };
    } catch (error) {
      // Otherwise it may be carried out later, so its row stays as that of a save that is under way.
      if (isDatabaseAnswer(error) || isUnsent(error)) this.outbox.left(saving);
      else if (isAlone) await this.#uncertain.add(this.#namesOf(models));
      throw error;
    }
  }

  /** Handles a COMMIT that has failed, of a transaction that is bumped now: without an answer, the database may carry it out later. */
  failedCommit(error: unknown, { names }: SweepTransaction): void {
    if (!isDatabaseAnswer(error)) this.#uncertain.again(names);
  }

  /** What a write of unknown rows bumps. */
  #namesOf(models: readonly Omit<Write, 'rows'>[]): ReadonlySet<string> {
    const all = this.begin();
    for (const write of this.#told(models.map((model) => ({ ...model, rows: undefined })))) this.#collect(write, all);
    return all.names;
  }

  /**
   * Passes all that one query wrote to the sweeper, as one bump: with one bump for each, a failure of the first would
   * keep the others from being sent.
   *
   * @param transaction where it was written; without one, or if it is over, the bump is sent at once
   * @param saving what {@link sending} gave
   * @param by what was done, for reports: `Sequelize update`
   */
  async heard(
    writes: readonly Write[],
    transaction: SweepTransaction | undefined,
    saving: Saving | undefined,
    by: string,
  ): Promise<void> {
    const told = this.#told(writes);
    if (told.length === 0 && saving === undefined) return;
    const open = openOf(transaction);
    const into = open ?? this.begin();
    if (saving !== undefined) into.adopt(saving.row);
    into.because(by, () => {
      for (const write of told) this.#collect(write, into);
    });
    if (open === undefined) await into.commit();
  }

  #told(writes: readonly Write[]): readonly (Write & { readonly isRelative?: true })[] {
    return withoutRepeats(writes.flatMap((write) => this.#withRelatives(write))).filter(({ model }) =>
      this.hears(model),
    );
  }

  /** A row is one of each model that has its table. What it has not got of another model is unknown. */
  #withRelatives(write: Write): readonly (Write & { readonly isRelative?: true })[] {
    const relatives = this.#relatives(write);
    if (relatives.length === 0) return [write];
    const rows = write.rows?.map(({ now, previous, ...more }) => ({
      ...more,
      now: partialRow(now),
      previous: previous && partialRow(previous),
    }));
    return [write, ...relatives.map((relative) => ({ ...relative, rows, isRelative: true as const }))];
  }

  #collect(write: Write & { readonly isRelative?: true }, into: SweepTransaction): void {
    const { model, modelClass, rows, anyRow, isRelative } = write;
    if (write.model === EVERYTHING) return into.invalidateAll();
    const of = modelClass ?? this.typeOf(model);
    try {
      const type = modelClass === undefined ? this.typeOf(model) : this.#typeIf(isRelative, modelClass);
      if (rows === undefined) return into.invalidateAllOf(of, anyRow && [{ now: anyRow }]);
      // A plain row does not tell which client it is from.
      if (modelClass === undefined && this.tenant !== undefined) {
        for (const row of rows.flatMap(({ now, previous }) => [now, previous])) if (row) this.knows(row, model);
      }
      // Without a usable key nobody knows which row it is, but its type is known, and what it touches.
      if (!rows.every(({ now, previous }) => this.#isIdentified(now, type) && this.#isIdentified(previous, type))) {
        return into.invalidateAllOf(of, rows);
      }
      for (const { now, previous, comesOrGoes } of rows) {
        into.invalidateCacheFor(now, {
          ...(type === undefined ? {} : { type }),
          ...(comesOrGoes ? {} : this.#using(model, now)),
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

  /** An attribute that was not loaded does not tell whether it has changed, so the save counts. */
  #using(model: string, row: object): { readonly using?: string } {
    const using = this.#models.get(model)?.using;
    return using === undefined || isUnknown((row as Readonly<Record<string, unknown>>)[using]) ? {} : { using };
  }
}

/** The innermost transaction that is not over. */
function openOf(transaction: SweepTransaction | undefined): SweepTransaction | undefined {
  let open = transaction;
  while (open?.isOpen === false) open = open.parent;
  return open;
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
