import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { afterAll, beforeAll, test } from 'vitest';
import { isDeep } from '../support/long.ts';
import * as knex from './knex/database.ts';
import { heardSuite as heardInKnex } from './knex/heard.ts';
import { ObjectionBlog, writesOfObjection } from './knex/objection.ts';
import { randomSuite } from './knex/random.ts';
import { outboxSuite } from './outbox.ts';
import { type Postgres, postgresPrograms, startPostgres } from './postgres.ts';
import * as prisma from './prisma/database.ts';
import { generate } from './prisma/generate.ts';
import { heardSuite as heardInPrisma } from './prisma/heard.ts';
import * as sequelize from './sequelize/database.ts';
import { heardSuite as heardInSequelize } from './sequelize/heard.ts';
import { ormSuite } from './suite.ts';
import * as typeorm from './typeorm/database.ts';
import { heardSuite as heardInTypeorm } from './typeorm/heard.ts';

const programs = postgresPrograms();

if (programs === undefined) {
  // The one place where something may be missing: the same has run on SQLite.
  test('PostgreSQL is not on this machine: the ORMs were tried on SQLite only', () => {
    console.log('initdb and postgres were not found; apt-get install postgresql brings them');
  });
} else {
  /** Taken in turn, because emptying a database is faster than making one and removing its files. No test has so many open at one time. */
  const DATABASES = 6;
  let server: Postgres;
  let opened = 0;

  beforeAll(async () => {
    server = await startPostgres(programs);
  });
  afterAll(() => server?.stop());

  const connection = async () => {
    const database = `blog_${opened % DATABASES}`;
    await (opened++ < DATABASES ? server.createDatabase(database) : server.emptyDatabase(database));
    return { host: server.host, user: server.user, database };
  };

  let inSequelize: sequelize.Database;
  ormSuite('Sequelize on PostgreSQL', {
    heading: 'Sequelize',
    writes: sequelize.writesOfSequelize(() => inSequelize),
    begins: true,
    open: async () => {
      const { host, user, database } = await connection();
      inSequelize = await sequelize.Database.open({
        dialect: 'postgres',
        dialectModule: pg,
        host,
        username: user,
        database,
      });
      return inSequelize;
    },
  });

  // `npm test` runs all else on SQLite, CI on both.
  if (isDeep)
    heardInSequelize('Sequelize on PostgreSQL', async () => {
      const { host, user, database } = await connection();
      return { dialect: 'postgres', dialectModule: pg, host, username: user, database };
    });

  if (isDeep)
    outboxSuite(
      'Sequelize on PostgreSQL',
      async (site) => {
        const { host, user, database } = await connection();
        const options = { dialect: 'postgres', dialectModule: pg, host, username: user, database } as const;
        return sequelize.withOutbox(await sequelize.Database.open(options, {}, site));
      },
      { dialect: 'postgresql', begins: true },
    );

  for (const [version, orm] of isDeep ? Object.entries(typeorm.VERSIONS) : []) {
    let inTypeorm: typeorm.Database;
    ormSuite(`${version} on PostgreSQL`, {
      heading: 'TypeORM',
      writes: typeorm.writesOfTypeorm(() => inTypeorm),
      begins: true,
      open: async () => {
        const { host, user, database } = await connection();
        const options = { type: 'postgres', host, username: user, database } as const;
        inTypeorm = await typeorm.Database.open(options, {}, undefined, orm);
        return inTypeorm;
      },
    });
  }

  if (isDeep)
    outboxSuite(
      'TypeORM on PostgreSQL',
      async (site) => {
        const { host, user, database } = await connection();
        const options = { type: 'postgres', host, username: user, database } as const;
        return typeorm.withOutbox(await typeorm.Database.open(options, {}, site));
      },
      { dialect: 'postgresql', begins: true },
    );

  if (isDeep) {
    heardInTypeorm('on PostgreSQL', async () => {
      const { host, user, database } = await connection();
      return { type: 'postgres', host, username: user, database };
    });

    heardInKnex('Knex on PostgreSQL', async () => knex.knexOnPostgres(await connection()));
    randomSuite('Knex on PostgreSQL', async () => knex.knexOnPostgres(await connection()), [100, 20_000, 1_000]);
    let inKnex: knex.Database;
    ormSuite('Knex on PostgreSQL', {
      heading: 'Knex',
      writes: knex.writesOfKnex(() => inKnex),
      begins: true,
      open: async () => {
        inKnex = await knex.Database.open(knex.knexOnPostgres(await connection()));
        return inKnex;
      },
    });
    let inObjection: ObjectionBlog;
    ormSuite('Objection on PostgreSQL', {
      heading: 'Objection',
      writes: writesOfObjection(() => inObjection),
      begins: true,
      open: async () => {
        inObjection = await ObjectionBlog.open(knex.knexOnPostgres(await connection()));
        return inObjection;
      },
    });
    outboxSuite(
      'Knex on PostgreSQL',
      async (site) =>
        knex.withOutbox(await knex.Database.open(knex.knexOnPostgres(await connection()), undefined, site)),
      { dialect: 'postgresql', begins: true },
    );

    let inPrisma: prisma.Database;
    let PrismaClient: Awaited<ReturnType<typeof generate>>;
    beforeAll(async () => {
      PrismaClient = await generate('postgresql');
    });
    heardInPrisma('Prisma on PostgreSQL', async () => new PrismaClient({ adapter: new PrismaPg(await connection()) }));
    outboxSuite(
      'Prisma on PostgreSQL',
      async (site) => {
        const client = new PrismaClient({ adapter: new PrismaPg(await connection()) });
        return prisma.withOutbox(await prisma.Database.open(client, true, {}, site));
      },
      { dialect: 'postgresql', begins: false },
    );
    ormSuite('Prisma on PostgreSQL', {
      heading: 'Prisma',
      writes: prisma.writesOfPrisma(() => inPrisma),
      begins: false,
      open: async () => {
        inPrisma = await prisma.Database.open(new PrismaClient({ adapter: new PrismaPg(await connection()) }), true);
        return inPrisma;
      },
    });
  }
}
