import { rmSync } from 'node:fs';
import { PrismaLibSql } from '@prisma/adapter-libsql';
import { beforeAll } from 'vitest';
import { outboxSuite } from '../outbox.ts';
import { Database, withOutbox } from './database.ts';
import { generate, type PrismaClientClass } from './generate.ts';

let PrismaClient: PrismaClientClass;
const file = new URL('../../../build/prisma-outbox.db', import.meta.url).pathname;

beforeAll(async () => {
  PrismaClient = await generate('sqlite');
});

outboxSuite(
  'Prisma on SQLite',
  async (site) => {
    for (const end of ['', '-wal', '-shm']) rmSync(file + end, { force: true });
    const client = new PrismaClient({ adapter: new PrismaLibSql({ url: `file:${file}` }) });
    return withOutbox(await Database.open(client, false, {}, site));
  },
  { dialect: 'sqlite3', begins: false },
);
