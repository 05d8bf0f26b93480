import type { SweepTransaction } from '../invalidation/transaction.ts';
import { knownRowsOf } from '../model/known-rows.ts';
import type { CacheSweeper } from '../sweeper.ts';
import { badOption, checkNames } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';

/** Options for one model; each may be left out. */
export interface HookedModel {
  /** Name of the type; default the class's own name. Give one when code is minified. Templates use this name, too. */
  readonly type?: string;
  /**
   * Attribute that holds the id, or a function that returns it; default: the first of `id`, `_id` and `pk` that is set.
   */
  readonly id?: string | ((row: never) => unknown);
  /**
   * Bumps a row only if this attribute (`updatedAt`, a version) differs from the one recorded at its last bump.
   * Default: always.
   */
  readonly using?: string;
}

/** Options of the save hooks, the same for all ORMs. */
export interface SaveHookOptions {
  /** Options by the ORM's name of the model. Writes of models not named here are reported as well. */
  readonly models?: Readonly<Record<string, HookedModel>>;
  /** Names of models whose writes are ignored, such as sessions and logs, because no page shows them. Default: none. */
  readonly exclude?: readonly string[];
  /**
   * Consequence of a failed bump. `false` (the default): it is reported to `onError` and retried in the background,
   * and the save succeeds. `true`: the promise of the save, or of its commit, rejects as well; the row is saved
   * nevertheless.
   */
  readonly strict?: boolean;
  /**
   * Scope of the bump after a write that names no rows (`UPDATE … WHERE`). `'type'` (the default): the type as a whole,
   * and the types it touches. `'rows'`: up to 1,000 matching rows, which are read before the write.
   */
  readonly bulk?: 'type' | 'rows';
}

/** Limit of rows for `bulk: 'rows'`. With more, the type is bumped. */
export const MAX_BULK_ROWS = 1_000;

/** One write, as an ORM's hook saw it. */
export interface Write {
  /** The ORM's name of the model. */
  readonly model: string;
  /** The model's class; undefined for models whose rows are plain objects. */
  readonly modelClass: object | undefined;
  /** The rows as they are now and, if known, were before; undefined if the rows are not known. */
  readonly rows: readonly { readonly now: object; readonly previous?: object | undefined }[] | undefined;
}

/** The part that the hooks of all ORMs share: it checks options and passes writes to the sweeper. */
export class SaveHook {
  readonly bulk: 'type' | 'rows';
  readonly #sweeper: CacheSweeper;
  readonly #models: ReadonlyMap<string, HookedModel>;
  readonly #excluded: ReadonlySet<string>;
  readonly #strict: boolean;

  /**
   * @param models the ORM's models by name, with their classes if they have any
   * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when an option has an unknown name or a wrong value
   */
  constructor(sweeper: CacheSweeper, options: SaveHookOptions, models: ReadonlyMap<string, object | undefined>) {
    checkOptions(sweeper, options, models);
    this.#sweeper = sweeper;
    this.#models = new Map(Object.entries(options.models ?? {}));
    this.#excluded = new Set(options.exclude);
    this.#strict = options.strict ?? false;
    this.bulk = options.bulk ?? 'type';
    for (const [name, { type, id }] of this.#models) {
      const registration = { ...(type === undefined ? {} : { type }), ...(id === undefined ? {} : { id }) };
      const modelClass = models.get(name);
      if (type !== undefined || id !== undefined) {
        sweeper.register(typeof modelClass === 'function' ? modelClass : this.typeOf(name), registration as never);
      }
    }
  }

  hears(model: string): boolean {
    return !this.#excluded.has(model);
  }

  /** Returns the type of rows of a model without a class. */
  typeOf(model: string): string {
    return this.#models.get(model)?.type ?? model;
  }

  /** Tells the sweeper of which type a row is that is a plain object. */
  knows(row: object, model: string): void {
    knownRowsOf(this.#sweeper)?.add(row, this.typeOf(model));
  }

  /** @param parent for a savepoint: the transaction around it */
  begin(parent?: SweepTransaction): SweepTransaction {
    return this.#sweeper.beginTransaction({ parent, strict: this.#strict });
  }

  /**
   * Passes all that one query wrote to the sweeper, as one bump: with one bump for each, a failure of the first would
   * keep the others from being sent.
   *
   * @param transaction where it was written; without one, or if it is over, the bump is sent at once
   */
  async heard(writes: readonly Write[], transaction: SweepTransaction | undefined): Promise<void> {
    const told = writes.filter(({ model }) => this.hears(model));
    if (told.length === 0) return;
    let open = transaction;
    while (open?.isOpen === false) open = open.parent;
    const into = open ?? this.begin();
    for (const write of told) this.#collect(write, into);
    if (open === undefined) await into.commit();
  }

  #collect({ model, modelClass, rows }: Write, into: SweepTransaction): void {
    const using = this.#models.get(model)?.using;
    const of = modelClass ?? this.typeOf(model);
    const type = modelClass === undefined ? { type: this.typeOf(model) } : {};
    try {
      if (rows === undefined) into.invalidateAllOf(of);
      for (const { now, previous } of rows ?? []) {
        into.invalidateCacheFor(now, {
          ...type,
          ...(using === undefined ? {} : { using }),
          ...(previous === undefined ? {} : { previous }),
        });
      }
    } catch (error) {
      into.fail(error);
    }
  }
}

const HOOK = 'sweepOnSave()';

function checkOptions(
  sweeper: CacheSweeper,
  options: SaveHookOptions,
  known: ReadonlyMap<string, object | undefined>,
): void {
  if (typeof sweeper?.beginTransaction !== 'function') throw badOption(HOOK, 'a CacheSweeper', describe(sweeper));
  if (typeof options !== 'object' || options === null) throw badOption(HOOK, 'an object of options', describe(options));
  checkNames(HOOK, options, ['models', 'exclude', 'strict', 'bulk']);
  const { models = {}, exclude = [], strict = false, bulk = 'type' } = options;
  if (typeof models !== 'object' || models === null)
    throw badOption(`${HOOK} models`, 'an object of options by model', describe(models));
  if (!Array.isArray(exclude)) throw badOption(`${HOOK} exclude`, 'a list of names of models', describe(exclude));
  if (typeof strict !== 'boolean') throw badOption(`${HOOK} strict`, 'true or false', describe(strict));
  if (bulk !== 'type' && bulk !== 'rows') throw badOption(`${HOOK} bulk`, '"type" or "rows"', describe(bulk));
  checkModels('models', Object.keys(models), known);
  checkModels('exclude', exclude, known);
  for (const [model, told] of Object.entries(models)) checkModelOptions(`${HOOK} models.${model}`, told);
}

function checkModels(option: string, names: readonly string[], known: ReadonlyMap<string, object | undefined>): void {
  const unknown = names.find((name) => !known.has(name));
  if (unknown === undefined) return;
  const expected = `the name of a model (${[...known.keys()].join(', ') || 'there is none yet'})`;
  throw badOption(`${HOOK} ${option}`, expected, describe(unknown));
}

function checkModelOptions(what: string, told: unknown): void {
  if (typeof told !== 'object' || told === null) throw badOption(what, '{ type, id, using }', describe(told));
  checkNames(what, told, ['type', 'id', 'using']);
  for (const [name, value] of Object.entries(told)) {
    const isName = typeof value === 'string' && value !== '';
    if (isName || value === undefined || (name === 'id' && typeof value === 'function')) continue;
    throw badOption(`${what}.${name}`, 'a name', describe(value));
  }
}
