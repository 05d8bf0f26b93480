import { rmSync } from 'node:fs';
import { PrismaLibSql } from '@prisma/adapter-libsql';
import { beforeAll } from 'vitest';
import { ormSuite } from '../suite.ts';
import { Database, writesOfPrisma } from './database.ts';
import { generate, type PrismaClientClass } from './generate.ts';

let database: Database;
let PrismaClient: PrismaClientClass;
const file = new URL('../../../build/prisma-suite.db', import.meta.url).pathname;

beforeAll(async () => {
  PrismaClient = await generate('sqlite');
});

ormSuite('Prisma on SQLite', {
  heading: 'Prisma',
  writes: writesOfPrisma(() => database),
  begins: false,
  open: async () => {
    for (const end of ['', '-wal', '-shm']) rmSync(file + end, { force: true });
    database = await Database.open(new PrismaClient({ adapter: new PrismaLibSql({ url: `file:${file}` }) }));
    return database;
  },
});
