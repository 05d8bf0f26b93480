import { ormSuite } from '../suite.ts';
import { Database, writesOfTypeorm } from './database.ts';

let database: Database;

ormSuite('TypeORM on SQLite', {
  heading: 'TypeORM',
  writes: writesOfTypeorm(() => database),
  begins: true,
  open: async () => {
    database = await Database.open();
    return database;
  },
});
