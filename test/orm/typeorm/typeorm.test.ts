import { ormSuite } from '../suite.ts';
import { Database, VERSIONS, writesOfTypeorm } from './database.ts';

for (const [version, orm] of Object.entries(VERSIONS)) {
  let database: Database;

  ormSuite(`${version} on SQLite`, {
    heading: 'TypeORM',
    writes: writesOfTypeorm(() => database),
    begins: true,
    open: async () => {
      database = await Database.open(undefined, {}, undefined, orm);
      return database;
    },
  });
}
