import { CacheSweeper } from 'nunjucks-cachesweeper';
import { sweepOnSave as onPrisma } from 'nunjucks-cachesweeper/prisma';
import { sweepOnSave as onSequelize } from 'nunjucks-cachesweeper/sequelize';
import { sweepOnSave as onTypeorm } from 'nunjucks-cachesweeper/typeorm';
import { Sequelize } from 'sequelize';
import { DataSource as DataSource03 } from 'typeorm-0.3';
import { describe, expect, test } from 'vitest';
import { generate } from './prisma/generate.ts';
import { libsqlAsSqlite3 } from './sequelize/libsql-as-sqlite3.ts';

/** What a hook says of an ORM that it refuses. */
function refusal(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

const refused = (message: string) => ({
  code: 'CACHESWEEPER_BAD_OPTION',
  message: expect.stringContaining(message),
});

describe('a version that nobody has tried is refused when the hook is set up', () => {
  test.each(['5.22.5', '6.36.9', '7.0.0-alpha.46', undefined])('Sequelize %s', (version) => {
    class Other extends Sequelize {
      static version = version as string;
    }
    const sequelize = new Other({ dialect: 'sqlite', dialectModule: libsqlAsSqlite3, logging: false });
    const got = version === undefined ? 'one that does not tell its version' : `Sequelize ${version}`;
    expect(refusal(() => onSequelize(sequelize, new CacheSweeper()))).toMatchObject(
      version === undefined
        ? refused(got)
        : refused(`sweepOnSave(): expected Sequelize 6, from 6.37 on, got ${got}; npm install sequelize@6`),
    );
  });

  test('Sequelize 7, which may have another way to its queries', () => {
    const seven = Object.create({ constructor: { version: '7.0.0-alpha.46' } }) as never;
    expect(refusal(() => onSequelize(seven, new CacheSweeper()))).toMatchObject(
      refused('got Sequelize 7.0.0-alpha.46'),
    );
  });

  test.each(['5.22.0', '6.19.0', '8.0.0'])('Prisma %s', async (version) => {
    const PrismaClient = await generate('sqlite');
    const { PrismaLibSql } = await import('@prisma/adapter-libsql');
    const client = new PrismaClient({ adapter: new PrismaLibSql({ url: ':memory:' }) });
    const other = Object.create(client, { _clientVersion: { value: version } }) as typeof client;
    expect(refusal(() => onPrisma(other, new CacheSweeper()))).toMatchObject(
      refused(`sweepOnSave(): expected Prisma 7, got Prisma ${version}; npm install prisma@7 @prisma/client@7`),
    );
    expect(refusal(() => onPrisma(client, new CacheSweeper()))).toBeUndefined();
    await client.$disconnect();
  });

  const all = () => undefined;
  const manager = { transaction: all, save: all, remove: all, softRemove: all, recover: all };
  const one = {
    isInitialized: true,
    subscribers: [],
    entityMetadatas: [],
    createQueryRunner: all,
    createEntityManager: all,
  };
  test.each<[string, object, string]>([
    [
      '0.2, whose data source is a Connection',
      { isConnected: true, createQueryRunner: all },
      'a Connection of an older one',
    ],
    ['one without a list of subscribers', { ...one, manager, subscribers: undefined }, 'without a list of subscribers'],
    ['one whose managers save in another way', { ...one, manager: { ...manager, save: undefined } }, 'has no save()'],
  ])('TypeORM: %s', (_title, source, got) => {
    const error = refusal(() => onTypeorm(source as never, new CacheSweeper()));
    expect(error).toMatchObject(refused('sweepOnSave(): expected a DataSource of TypeORM 0.3 or 1'));
    expect(error).toMatchObject(refused(got));
  });
});

test('a data source of TypeORM 0.3 is one by its types, too', () => {
  const source = new DataSource03({ type: 'postgres', entities: [] });
  expect(refusal(() => onTypeorm(source, new CacheSweeper()))).toMatchObject(refused('initialize() first'));
});
