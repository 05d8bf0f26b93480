import makeKnex, { type Knex } from 'knex';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { sweepOnSave } from 'nunjucks-cachesweeper/typeorm';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { prismaDatabase } from '../../src/orm/prisma-outbox.ts';
import { sequelizeDatabase } from '../../src/orm/sequelize-outbox.ts';
import { typeOrmDatabase } from '../../src/orm/typeorm-outbox.ts';
import { knexDatabase, rowsOf } from '../../src/outbox/database.ts';
import { newId, Statements } from '../../src/outbox/statements.ts';
import { type Postgres, postgresPrograms, startPostgres } from '../orm/postgres.ts';
import { generate } from '../orm/prisma/generate.ts';
import { isDeep } from '../support/long.ts';

const programs = postgresPrograms();
const statements = new Statements('cachesweeper_outbox', ':1');

if (programs === undefined) {
  test('PostgreSQL is not on this machine: nothing else here has its isolation levels', () => {
    console.log('initdb and postgres were not found; apt-get install postgresql brings them');
  });
} else {
  describe('where all transactions are SERIALIZABLE by default', () => {
    let server: Postgres;
    let knex: Knex;
    let connection: { host: string; user: string; database: string };

    beforeAll(async () => {
      server = await startPostgres(programs);
      connection = { host: server.host, user: server.user, database: 'strict' };
      await server.createDatabase('strict');
      const first = makeKnex({ client: 'pg', connection });
      await first.raw("ALTER DATABASE strict SET default_transaction_isolation TO 'serializable'");
      await first.destroy();
      knex = makeKnex({ client: 'pg', connection });
      await knex.raw('CREATE TABLE counters (id INTEGER PRIMARY KEY, value INTEGER NOT NULL)');
      await knex.raw('INSERT INTO counters VALUES (1, 0), (2, 0)');
      await knex.raw(statements.create);
    });
    afterAll(async () => {
      await knex?.destroy();
      await server?.stop();
    });

    /** A save that has read what another one has changed: it may be committed, as long as nobody sees what it writes too early. */
    async function save(between: () => PromiseLike<unknown>): Promise<void> {
      const mine = await knex.transaction();
      await mine('counters').select().where({ id: 1 });
      const other = await knex.transaction();
      await other('counters').update({ value: 1 }).where({ id: 1 });
      await other.commit();
      await between();
      try {
        await mine.raw(statements.insert('saved-mine', ['Comment:=1']));
        await mine.commit();
      } catch (error) {
        await mine.rollback();
        throw error;
      }
      await knex.raw(statements.remove(['saved-mine']));
    }

    test('a look at the outbox makes no save fail, which one in the default level would', async () => {
      await save(() => knexDatabase(knex).query(statements.select('')));
      await expect(save(() => knex.raw(statements.select('')))).rejects.toMatchObject({ code: '40001' });
    });

    test.runIf(isDeep)('a save of TypeORM that has the only connection of its pool needs no second one', async () => {
      const { DataSource, EntitySchema } = await import('typeorm');
      class Counter {
        id = 1;
        value = 1;
      }
      const columns = { id: { type: 'integer', primary: true }, value: { type: 'integer' } } as const;
      const { host, user: username, database } = connection;
      const source = await new DataSource({
        ...{ type: 'postgres', host, username, database, extra: { max: 1 } },
        entities: [new EntitySchema({ name: 'Counter', target: Counter, tableName: 'counters', columns })],
      }).initialize();
      const store = new TestingStore({ script: () => ({ outcome: 'unknown' }) });
      const sweeper = new CacheSweeper({ store, outbox: { interval: '1h' }, onError: () => {} });
      sweepOnSave(source, sweeper);
      await source.getRepository(Counter).save({ id: 2, value: 7 }, { transaction: false });
      await expect(source.getRepository(Counter).update({ id: 2 }, { id: 1 })).rejects.toThrow(/duplicate key/);
      expect(await knex('counters').where({ id: 2 }).select('value')).toEqual([{ value: 7 }]);
      await sweeper.close();
      await source.destroy();
      await knex('cachesweeper_outbox').delete();
    });

    const level = async (database: { query(sql: string): PromiseLike<unknown> } | undefined) => {
      const rows = rowsOf(await database?.query("SELECT current_setting('transaction_isolation') AS names"));
      return rows[0]?.names;
    };

    // Loading all of them takes longer than the rest.
    test.runIf(isDeep)('each client looks into the outbox in READ COMMITTED', async () => {
      const { PrismaPg } = await import('@prisma/adapter-pg');
      const { Sequelize } = await import('sequelize');
      const { DataSource } = await import('typeorm');
      const { host, user, database } = connection;
      expect(await level(knexDatabase(knex))).toBe('read committed');
      const options = {
        dialect: 'postgres',
        dialectModule: pg,
        host,
        username: user,
        database,
        logging: false,
      } as const;
      const sequelize = new Sequelize(options);
      expect(await level(sequelizeDatabase(sequelize))).toBe('read committed');
      await sequelize.close();
      const source = await new DataSource({ type: 'postgres', host, username: user, database }).initialize();
      expect(await level(typeOrmDatabase(source))).toBe('read committed');
      await source.destroy();
      const PrismaClient = await generate('postgresql');
      const prisma = new PrismaClient({ adapter: new PrismaPg(connection) });
      expect(await level(prismaDatabase(prisma as never, prisma.$transaction as never))).toBe('read committed');
      await prisma.$disconnect();
    });

    test.runIf(isDeep)('as many saves of Prisma as wait for a connection can write that they begin', async () => {
      const { PrismaPg } = await import('@prisma/adapter-pg');
      const PrismaClient = await generate('postgresql');
      const prisma = new PrismaClient({ adapter: new PrismaPg({ ...connection, max: 1 }) });
      const database = prismaDatabase(prisma as never, prisma.$transaction as never);
      const inserts = Array.from({ length: 1_500 }, () => statements.insert(newId('saving'), ['Comment']));
      await expect(Promise.all(inserts.map((sql) => database?.query(sql)))).resolves.toHaveLength(1_500);
      await prisma.$disconnect();
    });
  });
}
