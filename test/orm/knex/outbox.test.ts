import { outboxSuite } from '../outbox.ts';
import { Database, knexOnSqlite, withOutbox } from './database.ts';

outboxSuite('Knex on SQLite', async (site) => withOutbox(await Database.open(knexOnSqlite(), undefined, site)), {
  dialect: 'sqlite3',
  begins: true,
});
