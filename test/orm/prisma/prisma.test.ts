import { PrismaLibSql } from '@prisma/adapter-libsql';
import { beforeAll } from 'vitest';
import { isDeep } from '../../support/long.ts';
import { openWithOutbox } from '../outbox.ts';
import { ormSuite } from '../suite.ts';
import { Database, writesOfPrisma } from './database.ts';
import { DatabaseFile } from './database-file.ts';
import { generate, type PrismaClientClass } from './generate.ts';

let database: Database;
let PrismaClient: PrismaClientClass;
const file = new DatabaseFile();

beforeAll(async () => {
  PrismaClient = await generate('sqlite');
});

const client = () => {
  file.clear();
  return new PrismaClient({ adapter: new PrismaLibSql({ url: file.url }) });
};

ormSuite('Prisma on SQLite', {
  heading: 'Prisma',
  writes: writesOfPrisma(() => database),
  begins: false,
  open: async () => {
    database = await Database.open(client());
    return database;
  },
});

if (isDeep)
  ormSuite('Prisma on SQLite, with an outbox', {
    heading: 'Prisma',
    writes: writesOfPrisma(() => database),
    begins: false,
    open: async () => {
      database = await openWithOutbox((site) => Database.open(client(), false, {}, site));
      return database;
    },
  });
