import { CacheSweeperError } from '../errors.ts';
import type { SweepTransaction } from '../invalidation/transaction.ts';
import type { CacheSweeper } from '../sweeper.ts';
import { describe } from '../util/describe.ts';

/** What a save hook is told about one model; all of it is optional. */
export interface HookedModel {
  /** The type's name, where the class's own will not do (minified code). Templates know the model by it as well. */
  readonly type?: string;
  /** The attribute that holds the id, or a function that gives it; default `id`, then `_id`, then `pk`. */
  readonly id?: string | ((row: never) => unknown);
  /** Bumps a row only if this attribute differs from the one recorded at its last bump: `updatedAt`, a version. */
  readonly using?: string;
}

/** Options of the save hooks, the same for all ORMs. */
export interface SaveHookOptions {
  /** By the ORM's name of the model. Models that are not named here are heard as well. */
  readonly models?: Readonly<Record<string, HookedModel>>;
  /** Names of models whose writes are not heard: sessions, logs, whatever no page shows. */
  readonly exclude?: readonly string[];
  /**
   * False (the default): a bump that fails is reported to `onError` and retried in the background; the save has succeeded.
   * True: the promise of the save, or of its commit, rejects as well. What was saved stays saved.
   */
  readonly strict?: boolean;
  /**
   * What is swept after a write that names no rows (`UPDATE … WHERE`). `'type'` (the default): all that shows any row of
   * the type, and the types that it touches. `'rows'`: the rows that match are read before the write, up to 1,000, and
   * swept one by one.
   */
  readonly bulk?: 'type' | 'rows';
}

/** Rows that `bulk: 'rows'` reads; more are swept as their type. */
export const MAX_BULK_ROWS = 1_000;

/** One write, as an ORM's hook heard it. */
export interface Write {
  /** The ORM's name of the model. */
  readonly model: string;
  /** The model's class; none for models that are plain rows. */
  readonly modelClass: object | undefined;
  /** The rows with their values now and, where they are known, before; undefined when nobody can tell which rows. */
  readonly rows: readonly { readonly now: object; readonly previous?: object | undefined }[] | undefined;
}

/** What the hooks of all ORMs have in common: options, and who is told what in which transaction. */
export class SaveHook {
  readonly bulk: 'type' | 'rows';
  readonly #sweeper: CacheSweeper;
  readonly #models: ReadonlyMap<string, HookedModel>;
  readonly #excluded: ReadonlySet<string>;
  readonly #strict: boolean;

  /**
   * @param models the ORM's models, by name; with their classes, if they have any
   * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION
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

  /** The type under which rows of a model without a class are known. */
  typeOf(model: string): string {
    return this.#models.get(model)?.type ?? model;
  }

  /** @param parent of a savepoint, the transaction it is in */
  begin(parent?: SweepTransaction): SweepTransaction {
    return this.#sweeper.beginTransaction({ parent, strict: this.#strict });
  }

  /**
   * All that one query has written, in one bump: were they bumped one by one, an error of the first would keep the others
   * from being told.
   *
   * @param transaction where it was written; without one, or when that is over, it is bumped at once
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

const OPTIONS = ['models', 'exclude', 'strict', 'bulk'];
const MODEL_OPTIONS = ['type', 'id', 'using'];

function checkOptions(
  sweeper: CacheSweeper,
  options: SaveHookOptions,
  known: ReadonlyMap<string, object | undefined>,
): void {
  if (typeof sweeper?.beginTransaction !== 'function') throw bad('a CacheSweeper', sweeper);
  if (typeof options !== 'object' || options === null) throw bad('an object of options', options);
  for (const name of Object.keys(options))
    if (!OPTIONS.includes(name)) throw bad(`options ${OPTIONS.join(', ')}`, name);
  const { models = {}, exclude = [], strict = false, bulk = 'type' } = options;
  if (typeof models !== 'object' || models === null) throw bad('models: an object of options by model', models);
  if (!Array.isArray(exclude)) throw bad('exclude: a list of names of models', exclude);
  if (typeof strict !== 'boolean') throw bad('strict: true or false', strict);
  if (bulk !== 'type' && bulk !== 'rows') throw bad("bulk: 'type' or 'rows'", bulk);
  for (const name of [...Object.keys(models), ...exclude]) {
    if (!known.has(name))
      throw bad(`the name of a model (${[...known.keys()].join(', ') || 'there is none yet'})`, name);
  }
  for (const [model, told] of Object.entries(models)) {
    if (typeof told !== 'object' || told === null) throw bad(`models.${model}: { type, id, using }`, told);
    for (const [name, value] of Object.entries(told)) {
      if (!MODEL_OPTIONS.includes(name)) throw bad(`models.${model} with ${MODEL_OPTIONS.join(', ')}`, name);
      const isName = typeof value === 'string' && value !== '';
      if (isName || value === undefined || (name === 'id' && typeof value === 'function')) continue;
      throw bad(`models.${model}.${name}: a name`, value);
    }
  }
}

function bad(expected: string, got: unknown): CacheSweeperError {
  return new CacheSweeperError('CACHESWEEPER_BAD_OPTION', `sweepOnSave() expected ${expected}, got ${describe(got)}`);
}
