export type { SqlKnex } from './knex.ts';
export type { SqlOptions } from './options.ts';
export { type SqlStats, SqlStore } from './sql-store.ts';
