import { knexOnSqlite } from './database.ts';
import { randomSuite } from './random.ts';

randomSuite('Knex on SQLite', async () => knexOnSqlite(), [150, 100_000, 5_000]);
