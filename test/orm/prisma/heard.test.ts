import { rmSync } from 'node:fs';
import { PrismaLibSql } from '@prisma/adapter-libsql';
import { beforeAll } from 'vitest';
import { generate, type PrismaClientClass } from './generate.ts';
import { heardSuite } from './heard.ts';

let PrismaClient: PrismaClientClass;
let opened = 0;

beforeAll(async () => {
  PrismaClient = await generate('sqlite');
});

heardSuite('Prisma on SQLite', async () => {
  const file = new URL(`../../../build/prisma-heard-${++opened % 2}.db`, import.meta.url).pathname;
  for (const end of ['', '-wal', '-shm']) rmSync(file + end, { force: true });
  return new PrismaClient({ adapter: new PrismaLibSql({ url: `file:${file}` }) });
});
