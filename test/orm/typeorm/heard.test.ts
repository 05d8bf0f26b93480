import Driver from 'libsql';
import { heardSuite } from './heard.ts';

heardSuite('on SQLite', async () => ({ type: 'better-sqlite3', driver: Driver, database: ':memory:' }));
