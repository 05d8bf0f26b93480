import { outboxSuite } from '../outbox.ts';
import { Database, withOutbox } from './database.ts';

outboxSuite('Sequelize on SQLite', async (site) => withOutbox(await Database.open({}, {}, site)), {
  dialect: 'sqlite3',
  begins: true,
});
