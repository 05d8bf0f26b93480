import { outboxSuite } from '../outbox.ts';
import { Database, VERSIONS, withOutbox } from './database.ts';

for (const [version, orm] of Object.entries(VERSIONS)) {
  outboxSuite(`${version} on SQLite`, async (site) => withOutbox(await Database.open(undefined, {}, site, orm)), {
    dialect: 'sqlite3',
    begins: true,
  });
}
