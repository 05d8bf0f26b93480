import { badOption } from '../../util/check-option.ts';
import { describe } from '../../util/describe.ts';
import type { Dialect } from './dialect.ts';
import { MysqlDialect } from './mysql.ts';
import { PostgresDialect } from './postgres.ts';
import { SqliteDialect } from './sqlite.ts';

/** By the drivers that Knex has for them. Others of the same dialect, such as CockroachDB's, answer differently. */
const DIALECTS: ReadonlyMap<string, new (table: string) => Dialect> = new Map<string, new (table: string) => Dialect>([
  ['better-sqlite3', SqliteDialect],
  ['sqlite3', SqliteDialect],
  ['pg', PostgresDialect],
  ['mysql2', MysqlDialect],
  ['mysql', MysqlDialect],
]);

/** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION for a database that the store does not know */
export function dialectOf(driver: string, table: string): Dialect {
  const Dialect = DIALECTS.get(driver);
  if (Dialect !== undefined) return new Dialect(table);
  throw badOption('SqlStore knex', `a client of ${[...DIALECTS.keys()].join(', ')}`, describe(driver));
}
