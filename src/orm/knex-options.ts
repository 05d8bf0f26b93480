import { isClass } from '../model/class-names.ts';
import type { ModelClass } from '../model/known-models.ts';
import { badOption, checkNames } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { HOOK, type HookedModel, type SaveHookOptions } from './hook-options.ts';

/** Options for one table; each may be left out. */
export interface KnexTableOptions extends HookedModel {
  /** Class of its rows: an Objection model, or another one that templates meet. Default: rows are plain objects. */
  readonly model?: ModelClass;
  /** Tables of which the database itself deletes or changes rows with rows of this one (ON DELETE, ON UPDATE). Default: none. */
  readonly cascades?: readonly string[];
}

/** Options of the save hook for Knex. */
export interface KnexHookOptions extends Omit<SaveHookOptions, 'models'> {
  /**
   * By the name of a table as the site gives it to Knex: the name of its rows' type, or their class, or an object of options. Writes of
   * other tables are reported as well, under the name of the table.
   */
  readonly models?: Readonly<Record<string, string | ModelClass | KnexTableOptions>>;
}

/** What the options say of one table. */
export interface TableOptions {
  readonly told: HookedModel;
  readonly modelClass: ModelClass | undefined;
  readonly cascades: readonly string[];
}

/**
 * Checks what only Knex has of the options. {@link SaveHook} checks the rest.
 *
 * @returns the options as the hooks of all ORMs have them, and those of each table that they name
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION
 */
export function knexOptions(options: KnexHookOptions): {
  readonly common: SaveHookOptions;
  readonly tables: ReadonlyMap<string, TableOptions>;
} {
  if (typeof options !== 'object' || options === null) throw badOption(HOOK, 'an object of options', describe(options));
  const { models = {}, ...others } = options;
  if (typeof models !== 'object' || models === null)
    throw badOption(`${HOOK} models`, 'an object of types, classes or options by table', describe(models));
  const tables = new Map(Object.entries(models).map(([table, given]) => [table, optionsOf(table, given)]));
  for (const table of Array.isArray(others.exclude) ? others.exclude : []) {
    if (typeof table !== 'string' || table === '')
      throw badOption(`${HOOK} exclude`, 'a list of names of tables', describe(table));
  }
  const told = Object.fromEntries(Array.from(tables, ([table, each]) => [table, each.told]));
  return { common: { ...others, models: told }, tables };
}

function optionsOf(table: string, given: unknown): TableOptions {
  const what = `${HOOK} models.${table}`;
  if (typeof given === 'string') return { told: { type: given }, modelClass: undefined, cascades: [] };
  if (typeof given === 'function') return { told: {}, modelClass: checkedClass(what, given), cascades: [] };
  if (typeof given !== 'object' || given === null) {
    throw badOption(
      what,
      'the name of a type, a class, or { type, model, id, tenant, using, cascades }',
      describe(given),
    );
  }
  checkNames(what, given, ['type', 'model', 'id', 'tenant', 'using', 'cascades']);
  const { model, cascades = [], ...told } = given as KnexTableOptions;
  if (!Array.isArray(cascades) || cascades.some((each) => typeof each !== 'string')) {
    throw badOption(`${what}.cascades`, 'a list of names of tables', describe(cascades));
  }
  return { told, modelClass: model === undefined ? undefined : checkedClass(`${what}.model`, model), cascades };
}

function checkedClass(what: string, value: unknown): ModelClass {
  if (typeof value === 'function' && isClass(value)) return value;
  throw badOption(what, 'a class', describe(value));
}
