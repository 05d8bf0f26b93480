import { PrismaLibSql } from '@prisma/adapter-libsql';
import { beforeAll } from 'vitest';
import { DatabaseFile } from './database-file.ts';
import { generate, type PrismaClientClass } from './generate.ts';
import { heardSuite } from './heard.ts';

let PrismaClient: PrismaClientClass;
const files = [new DatabaseFile(), new DatabaseFile()];
let opened = 0;

beforeAll(async () => {
  PrismaClient = await generate('sqlite');
});

heardSuite('Prisma on SQLite', async () => {
  const file = files[++opened % files.length] as DatabaseFile;
  file.clear();
  return new PrismaClient({ adapter: new PrismaLibSql({ url: file.url }) });
});
