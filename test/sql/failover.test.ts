import knex from 'knex';
import { SqlStore } from 'nunjucks-cachesweeper/sql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Postgres, postgresPrograms, REPLICATED, startPostgres, startStandby } from '../orm/postgres.ts';
import { isDeep } from '../support/long.ts';
import { CALL, item, opener, texts } from './support.ts';

const open = opener();

// Copying a server takes seconds.
describe.runIf(isDeep)('a standby of PostgreSQL', () => {
  const servers: Postgres[] = [];
  const connect = ({ host, user }: Postgres) =>
    knex({ client: 'pg', connection: { host, user, database: 'postgres' }, pool: { min: 0 }, log: { warn: () => {} } });

  beforeAll(async () => {
    const programs = postgresPrograms() as string;
    const primary = await startPostgres(programs, REPLICATED);
    servers.push(primary);
    const site = connect(primary);
    await new SqlStore(site).createTable();
    await site.destroy();
    servers.push(await startStandby(programs, primary));
  });
  afterAll(() => Promise.all(servers.map((server) => server.stop())));

  test('gives no tokens; and when it takes over without the last writes, none of before', async () => {
    const [primary, standby] = servers as [Postgres, Postgres];
    const [onPrimary, onStandby] = [connect(primary), connect(standby)];
    const one = open(onPrimary);
    await one.store.setMany('token', [item('a', 'old')], CALL);
    await expect.poll(async () => (await onStandby('cachesweeper').select()).length).toBe(1);

    const two = open(onStandby);
    expect(await two.store.getMany('token', ['a'], CALL)).toEqual([{ state: 'unknown' }]);
    expect(two.errors.map(({ message }) => message)).toEqual([expect.stringContaining('it is a standby')]);
    expect(await two.store.setMany('token', [item('a', 'x')], CALL)).toEqual([false]);

    // The standby has no part of what comes now.
    await standby.end();
    expect(await one.store.setMany('token', [item('a', 'new')], CALL)).toEqual([true]);
    expect(await texts(one.store, ['a'])).toEqual(['new']);
    await primary.end();
    await standby.start();
    await standby.promote();
    expect(await onStandby('cachesweeper').select('value')).toEqual([{ value: Buffer.from('old') }]);

    const states = new Set<string | undefined>();
    const state = async () => (await two.store.getMany('token', ['a'], { timeout: 200 }))[0]?.state;
    await expect.poll(async () => states.add(await state()).has('missing'), { timeout: 10_000 }).toBe(true);
    expect(states).not.toContain('found');
    expect(await two.store.addMany('token', [item('a', 'newer')], CALL)).toEqual(['added']);
    expect(await texts(two.store, ['a'])).toEqual(['newer']);
    await Promise.all([onPrimary.destroy(), onStandby.destroy()]);
    await primary.start();
  });
});
