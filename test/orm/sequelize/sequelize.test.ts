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
