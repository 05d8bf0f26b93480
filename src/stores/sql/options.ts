import { badOption, checkNames } from '../../util/check-option.ts';
import { describe } from '../../util/describe.ts';
import { checkCompressFrom } from '../compress-from.ts';
import { isKnex, isTransaction, type KnexClient, type SqlKnex } from './knex.ts';

/** Options of {@link SqlStore}. */
export interface SqlOptions {
  /** Name of the table, with or without a schema: `"cachesweeper"` (default), `"cache.fragments"`. */
  readonly table?: string;
  /**
   * How many connections of the pool the store uses at one time. Default 2. Further statements wait for one of them. Leave some of the
   * pool to the site.
   */
  readonly connections?: number;
  /** Rows that the table may have; those that would expire first are removed. Default 100,000. */
  readonly maxRows?: number;
  /** Bytes that all values together may have. Default 268,435,456 (256 MiB). */
  readonly maxBytes?: number;
  /** Entries of at least this many bytes are compressed; `false` turns that off. Default 16,384. */
  readonly compressFrom?: number | false;
}

export interface SqlSettings {
  readonly table: string;
  readonly connections: number;
  readonly maxRows: number;
  readonly maxBytes: number;
  readonly compressFrom: number;
}

const KNOWN: readonly (keyof SqlOptions)[] = ['table', 'connections', 'maxRows', 'maxBytes', 'compressFrom'];
/** Names the store in error messages. */
const STORE = 'SqlStore';
/** One name, or two with a dot. Databases cut longer names, PostgreSQL at 63; an index has a name of this one and more. */
const TABLE = /^[A-Za-z_][A-Za-z0-9_]{0,49}(\.[A-Za-z_][A-Za-z0-9_]{0,49})?$/;

/** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when an option has an unknown name or a wrong value */
export function checkSqlOptions(options: SqlOptions): SqlSettings {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw badOption(STORE, 'an object of options', describe(options));
  }
  checkNames(STORE, options, KNOWN);
  return Object.freeze({
    table: table(options.table ?? 'cachesweeper'),
    connections: count('connections', options.connections ?? 2, 1),
    maxRows: count('maxRows', options.maxRows ?? 100_000, 1_000),
    maxBytes: count('maxBytes', options.maxBytes ?? 256 * 1024 * 1024, 1024 * 1024),
    compressFrom: checkCompressFrom(`${STORE} compressFrom`, options.compressFrom),
  });
}

/** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when it is not a Knex instance, or a transaction */
export function checkKnex(given: unknown): SqlKnex & { readonly client: KnexClient } {
  if (!isKnex(given)) throw badOption(`${STORE} knex`, 'what knex({ client, connection }) returns', describe(given));
  if (isTransaction(given)) {
    // Rows of a transaction are not seen by other processes, and may never be.
    throw badOption(`${STORE} knex`, 'the Knex instance itself', 'a transaction', {
      todo: 'in a migration, export const config = { transaction: false }',
    });
  }
  return given;
}

function table(given: unknown): string {
  if (typeof given === 'string' && TABLE.test(given)) return given;
  throw badOption(
    `${STORE} table`,
    'a name of up to 50 letters, digits and underscores, or "schema.name"',
    describe(given),
  );
}

function count(name: keyof SqlOptions, given: unknown, least: number): number {
  if (typeof given === 'number' && Number.isSafeInteger(given) && given >= least) return given;
  throw badOption(`${STORE} ${name}`, `a whole number, ${least} or more`, describe(given));
}
