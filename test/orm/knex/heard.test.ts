import { knexOnSqlite } from './database.ts';
import { heardSuite } from './heard.ts';

heardSuite('Knex on SQLite', async () => knexOnSqlite());
