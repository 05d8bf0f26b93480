import { inspect } from 'node:util';
import { beforeEach, describe, expect, test } from 'vitest';
import { CALL, item, opener, servers, texts, using } from './support.ts';

const open = opener();

describe.each(servers)('%s', (name, start) => {
  const database = using(start);
  let opened: ReturnType<typeof open>;
  beforeEach(async () => {
    opened = open(database().connect());
    await opened.store.setMany('token', [item('a', 'old')], CALL);
    await opened.store.getMany('token', ['a'], CALL);
  });

  test('that ended is reported once and not waited for; when it is back it is used, and knows none of the tokens of before', async () => {
    const { store, errors } = opened;
    await database().server.end();
    const started = performance.now();
    for (let i = 0; i < 20; i++) {
      expect((await store.getMany('token', ['a'], CALL))[0]?.state).toBe('unknown');
      expect(await store.setMany('entry', [item('e', 'x')], CALL)).toEqual([false]);
    }
    expect(performance.now() - started).toBeLessThan(CALL.timeout);
    expect(await store.setMany('token', [item('a', 'lost')], { timeout: 200 })).toEqual([false]);
    expect(errors.map(({ code }) => code)).toEqual(['CACHESWEEPER_STORE_UNREACHABLE']);
    expect(errors[0]?.message).toMatch(/^The SQL table cachesweeper cannot be used \(.+\): what it holds is rendered/);
    expect(store.stats()).toMatchObject({ state: 'failed' });
    expect(store.stats().refused).toBeGreaterThan(20);
    await database().server.start();
    const states = new Set<string>();
    await expect
      .poll(async () => states.add((await store.getMany('token', ['a'], CALL))[0]?.state ?? '').has('missing'), {
        timeout: 10_000,
      })
      .toBe(true);
    // What it had acknowledged may be lost, and then what was before would be there.
    expect(states).not.toContain('found');
    expect(await store.addMany('token', [item('a', 'new')], CALL)).toEqual(['added']);
    expect(await texts(open(database().connect()).store, ['a'])).toEqual(['new']);
    expect(store.stats()).toMatchObject({ state: 'ready' });
  });

  test('that stands still costs a call its time, and after a second none; a write that was given up is not carried out', async () => {
    const { store, errors } = opened;
    const { server } = database();
    server.pause();
    try {
      const started = performance.now();
      expect(await store.setMany('token', [item('a', 'late')], { timeout: 100 })).toEqual([false]);
      expect((await store.getMany('token', ['a'], { timeout: 100 }))[0]?.state).toBe('unknown');
      expect(performance.now() - started).toBeLessThan(1_000);
      await expect
        .poll(async () => {
          await store.getMany('token', ['a'], { timeout: 20 });
          return store.stats().refused;
        })
        .toBeGreaterThan(0);
      expect(errors.map(({ code }) => code)).toEqual(['CACHESWEEPER_STORE_UNREACHABLE']);
    } finally {
      server.resume();
    }
    await expect.poll(() => texts(store, ['a']).catch(() => []), { timeout: 10_000 }).toEqual(['old']);
    // Behind anything that had been given up.
    expect(await store.addMany('token', [item('b', 'x')], CALL)).toEqual(['added']);
    expect(await texts(store, ['a'])).toEqual(['old']);
  });

  test('whose pool has no connection in time is reported once, and not waited for', async () => {
    const site = database().connect({ max: 1, acquireTimeoutMillis: 50 });
    const { store, errors } = open(site);
    const held = await site.client.acquireConnection();
    try {
      expect((await store.getMany('token', ['a'], CALL))[0]?.state).toBe('unknown');
      expect((await store.getMany('token', ['a'], CALL))[0]?.state).toBe('unknown');
      expect(store.stats()).toMatchObject({ state: 'failed', busy: 0 });
      expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining('acquiring a connection')]);
    } finally {
      await site.client.releaseConnection(held);
    }
    await expect.poll(() => texts(store, ['a']).catch(() => []), { timeout: 10_000 }).toEqual(['old']);
  });

  test('tells what failed without the statement, whose values are html of visitors', async () => {
    const { store, errors } = open(database().connect(), { table: 'not_there' });
    expect(await store.setMany('entry', [item('e', 'private '.repeat(1_000))], CALL)).toEqual([false]);
    const everything = inspect(errors[0], { depth: null, maxStringLength: null });
    expect(errors[0]?.message).toMatch(/^The SQL table not_there cannot be used \([^()]*not_there[^()]*\): /);
    expect(everything).not.toContain(Buffer.from('private private').toString('hex'));
    expect(everything.length).toBeLessThan(5_000);
  });

  test.each(name === 'MariaDB' ? ['other', 'other_epoch'] : ['other'])(
    'whose table %s is there, and not as it should be, is told by createTable(), and reported once',
    async (table) => {
      const site = database().connect();
      const { store, errors } = open(site, { table: 'other' });
      await site.raw(`CREATE TABLE ${table} (k VARCHAR(99) NOT NULL PRIMARY KEY, size INT, expires INT, epoch INT)`);
      try {
        await expect(store.createTable()).rejects.toMatchObject({
          code: 'CACHESWEEPER_STORE_UNREACHABLE',
          message: expect.stringMatching(
            /the table other is there, and cannot be used \(.*column.*\); if another version/,
          ),
        });
        for (let refused = 0; refused < 3; refused++) {
          await expect
            .poll(async () => {
              await store.getMany('token', ['a'], CALL);
              return store.stats().failures;
            })
            .toBeGreaterThan(refused);
        }
        expect(errors.map(({ code }) => code)).toEqual(['CACHESWEEPER_STORE_UNREACHABLE']);
      } finally {
        await site.raw('DROP TABLE IF EXISTS other');
        await site.raw('DROP TABLE IF EXISTS other_epoch');
      }
    },
  );

  test('makes its table once when several processes ask for it at one time, and when an account may not make one', async () => {
    const sites = Array.from({ length: 6 }, () => database().connect());
    await Promise.all(sites.map((site) => site.raw('SELECT 1')));
    for (let round = 0; round < 3; round++) {
      const table = `raced${round}`;
      await Promise.all(sites.map((site) => open(site, { table }).store.createTable()));
    }
    const [site] = sites as [(typeof sites)[0]];
    if (name !== 'PostgreSQL') return;
    await site.raw('CREATE ROLE writer LOGIN');
    await site.raw('GRANT SELECT, INSERT, UPDATE, DELETE ON raced0 TO writer');
    const writer = database().connect({
      afterCreate: (connection: { query(sql: string, done: (error: unknown) => void): void }, done: () => void) =>
        connection.query('SET ROLE writer', done),
    });
    await open(writer, { table: 'raced0' }).store.createTable();
    await expect(open(writer, { table: 'raced9' }).store.createTable()).rejects.toThrow('permission denied');
  });

  test.runIf(name === 'PostgreSQL')(
    'of which a process crashes restarts without a new epoch, and has what was acknowledged',
    async () => {
      const site = database().connect();
      const { store } = open(site);
      await store.setMany('token', [item('a', 'old')], CALL);
      const { rows } = await database().connect().raw('SELECT pg_backend_pid() AS pid');
      /** When the server last began anew. */
      const begun = async (): Promise<string | undefined> => {
        const sql = "SELECT backend_start::text AS time FROM pg_stat_activity WHERE backend_type = 'checkpointer'";
        return (await site.raw(sql)).rows[0]?.time;
      };
      const before = await begun();
      // The server of the tests writes what is committed a moment later, unless a statement asks for more.
      await site.raw('CHECKPOINT');
      expect(await store.setMany('token', [item('a', 'new')], CALL)).toEqual([true]);
      process.kill(rows[0].pid, 'SIGKILL');
      await expect.poll(() => begun().catch(() => before), { timeout: 10_000 }).not.toBe(before);
      await expect
        .poll(() => texts(store, ['a']).catch(() => ['unknown']), { timeout: 10_000 })
        .not.toEqual(['unknown']);
      expect(await texts(store, ['a'])).toEqual(['new']);
    },
  );
});
