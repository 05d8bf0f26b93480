import { createRequire } from 'node:module';
import knex from 'knex';
import Driver from 'libsql';

// Knex has no types for its dialects.
const Dialect = createRequire(import.meta.url)('knex/lib/dialects/better-sqlite3/index.js');

/**
 * Knex' SQLite on a database of libsql: the driver that Knex knows needs a compiler.
 *
 * @param {import('libsql').Database} database
 * @returns {import('knex').Knex}
 */
export function knexOn(database) {
  class Client extends Dialect {
    _driver() {
      return Driver;
    }
    async acquireRawConnection() {
      return database;
    }
  }
  return knex({ client: Client, connection: { filename: ':memory:' }, useNullAsDefault: true });
}
