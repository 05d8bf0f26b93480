import { isDeep } from '../../support/long.ts';
import { outboxSuite } from '../outbox.ts';
import { Database, VERSIONS, withOutbox } from './database.ts';

for (const [version, orm] of Object.entries(VERSIONS).slice(0, isDeep ? undefined : 1)) {
  outboxSuite(`${version} on SQLite`, async (site) => withOutbox(await Database.open(undefined, {}, site, orm)), {
    dialect: 'sqlite3',
    begins: true,
  });
}
