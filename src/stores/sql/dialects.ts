import { badOption } from '../../util/check-option.ts';
import { describe } from '../../util/describe.ts';
import type { Dialect } from './dialect.ts';
import { MysqlDialect } from './mysql.ts';
import { PostgresDialect } from './postgres.ts';
import { SqliteDialect } from './sqlite.ts';

/** By what Knex calls them. `mysql` is MariaDB too. */
const DIALECTS: ReadonlyMap<string, new (table: string) => Dialect> = new Map<string, new (table: string) => Dialect>([
  ['sqlite3', SqliteDialect],
  ['postgresql', PostgresDialect],
  ['mysql', MysqlDialect],
]);

/** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION for a database that the store does not know */
export function dialectOf(name: string, table: string): Dialect {
  const Dialect = DIALECTS.get(name);
  if (Dialect !== undefined) return new Dialect(table);
  throw badOption('SqlStore knex', `a client of ${[...DIALECTS.keys()].join(', ')}`, describe(name));
}
