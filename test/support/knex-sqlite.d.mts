import type { Knex } from 'knex';
import type Driver from 'libsql';

/** Knex' SQLite on a database of libsql: the driver that Knex knows needs a compiler. */
export function knexOn(database: Driver.Database): Knex;
