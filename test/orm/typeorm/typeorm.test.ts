import { isDeep } from '../../support/long.ts';
import { openWithOutbox } from '../outbox.ts';
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

  if (isDeep)
    ormSuite(`${version} on SQLite, with an outbox`, {
      heading: 'TypeORM',
      writes: writesOfTypeorm(() => database),
      begins: true,
      open: async () => {
        database = await openWithOutbox((site) => Database.open(undefined, {}, site, orm));
        return database;
      },
    });
}
