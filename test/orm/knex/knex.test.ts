import { isDeep } from '../../support/long.ts';
import { openWithOutbox } from '../outbox.ts';
import { ormSuite } from '../suite.ts';
import { Database, knexOnSqlite, writesOfKnex } from './database.ts';

let database: Database;

ormSuite('Knex on SQLite', {
  heading: 'Knex',
  writes: writesOfKnex(() => database),
  begins: true,
  open: async () => {
    database = await Database.open(knexOnSqlite());
    return database;
  },
});

if (isDeep)
  ormSuite('Knex on SQLite, with an outbox', {
    heading: 'Knex',
    writes: writesOfKnex(() => database),
    begins: true,
    open: async () => {
      database = await openWithOutbox((site) => Database.open(knexOnSqlite(), undefined, site));
      return database;
    },
  });
