import { heardSuite } from './heard.ts';
import { libsqlAsSqlite3 } from './libsql-as-sqlite3.ts';

heardSuite('Sequelize on SQLite', async () => ({
  dialect: 'sqlite',
  dialectModule: libsqlAsSqlite3,
  storage: ':memory:',
}));
