import type { CacheSweeper } from '../sweeper.ts';
import { badOption, checkNames } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';

/** Options for one model; each may be left out. */
export interface HookedModel {
  /** Name of the type; default the class's own name. Give one when code is minified. Templates use this name, too. */
  readonly type?: string;
  /**
   * Attribute that holds the id, or a function that returns it, as a list for a key of several attributes. Default: the
   * key that the ORM knows.
   */
  readonly id?: string | ((row: never) => unknown);
  /** Attribute that holds the tenant, or a function that returns it, where rows of two tenants may have the same id. */
  readonly tenant?: string | ((row: never) => unknown);
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
  /**
   * The tenant of all rows of this client, where each tenant has a database or client of its own. Not for TypeORM,
   * whose data sources share their classes. Default: none.
   */
  readonly tenant?: string;
}

export const HOOK = 'sweepOnSave()';

/**
 * Checks the options of `sweepOnSave()`.
 *
 * @param known the ORM's models
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION
 */
export function checkOptions(
  sweeper: CacheSweeper,
  options: SaveHookOptions,
  known: ReadonlyMap<string, object | undefined>,
): void {
  if (typeof sweeper?.beginTransaction !== 'function') throw badOption(HOOK, 'a CacheSweeper', describe(sweeper));
  if (typeof options !== 'object' || options === null) throw badOption(HOOK, 'an object of options', describe(options));
  checkNames(HOOK, options, ['models', 'exclude', 'strict', 'bulk', 'tenant']);
  const { models = {}, exclude = [], strict = false, bulk = 'type', tenant } = options;
  if (typeof models !== 'object' || models === null)
    throw badOption(`${HOOK} models`, 'an object of options by model', describe(models));
  if (!Array.isArray(exclude)) throw badOption(`${HOOK} exclude`, 'a list of names of models', describe(exclude));
  if (typeof strict !== 'boolean') throw badOption(`${HOOK} strict`, 'true or false', describe(strict));
  if (bulk !== 'type' && bulk !== 'rows') throw badOption(`${HOOK} bulk`, '"type" or "rows"', describe(bulk));
  if (tenant !== undefined && (typeof tenant !== 'string' || tenant === ''))
    throw badOption(`${HOOK} tenant`, 'a name', describe(tenant));
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
  if (typeof told !== 'object' || told === null) throw badOption(what, '{ type, id, tenant, using }', describe(told));
  checkNames(what, told, ['type', 'id', 'tenant', 'using']);
  for (const [name, value] of Object.entries(told)) {
    const isName = typeof value === 'string' && value !== '';
    if (isName || value === undefined || (['id', 'tenant'].includes(name) && typeof value === 'function')) continue;
    throw badOption(`${what}.${name}`, 'a name', describe(value));
  }
}
