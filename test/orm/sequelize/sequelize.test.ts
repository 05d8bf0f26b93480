import { isDeep } from '../../support/long.ts';
import { openWithOutbox } from '../outbox.ts';
import { ormSuite } from '../suite.ts';
import { Database, writesOfSequelize } from './database.ts';

let database: Database;

ormSuite('Sequelize on SQLite', {
  heading: 'Sequelize',
  writes: writesOfSequelize(() => database),
  begins: true,
  open: async () => {
    database = await Database.open();
    return database;
  },
});

if (isDeep)
  ormSuite('Sequelize on SQLite, with an outbox', {
    heading: 'Sequelize',
    writes: writesOfSequelize(() => database),
    begins: true,
    open: async () => {
      database = await openWithOutbox((site) => Database.open({}, {}, site));
      return database;
    },
  });
