import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Blog } from './blog.ts';

const INTERVAL = 20_000;

let blog: Blog;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  blog = new Blog();
});
afterEach(async () => {
  await blog.close();
  vi.useRealTimers();
});

/** A process that polls when the test says so. */
async function polling(store?: TestingStore) {
  const sweeper = blog.process({ knex: blog.knex, interval: '20s' }, store);
  await sweeper.outbox.createTable();
  blog.sent.length = 0;
  return sweeper;
}

/** Lets all of them poll once, and waits until they have nothing more to do. */
async function poll(times = 1) {
  for (let i = 0; i < times; i++) {
    vi.advanceTimersByTime(INTERVAL);
    for (let sent = -1; sent !== blog.sent.length + blog.store.operations.length; ) {
      sent = blog.sent.length + blog.store.operations.length;
      for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

const ids = () => blog.rows().map(({ id }) => id);

test('a row is bumped and removed by the second poll that finds it', async () => {
  await polling();
  blog.insert('saved-1', 'Comment:=1 Comment:*');
  await poll();
  expect([blog.bumped, ids()]).toEqual([[], ['saved-1']]);
  await poll();
  expect([blog.bumped, ids()]).toEqual([['Comment:* Comment:=1'], []]);
  await poll(2);
  expect(blog.bumped).toHaveLength(1);
});

test('what is due at one time is one bump', async () => {
  await polling();
  blog.insert('saved-1', 'Comment:=1 Comment:*');
  blog.insert('saved-2', 'Comment:=2 Comment:*');
  await poll(2);
  expect(blog.bumped).toEqual(['Comment:* Comment:=1 Comment:=2']);
});

test('a row stays until the store has acknowledged all of its names', async () => {
  const store = new TestingStore({ shared: blog.store });
  store.script = ({ kind, method }) => (kind === 'token' && method === 'setMany' ? { outcome: 'unknown' } : undefined);
  await polling(store);
  blog.insert('saved-1', 'Comment:=1');
  await poll(3);
  expect([blog.bumped, ids()]).toEqual([[], ['saved-1']]);
  store.script = undefined;
  await poll();
  expect(blog.bumped).toContain('Comment:=1');
  expect(ids()).toEqual([]);
});

test('a row is removed after its bump, and never before', async () => {
  const store = new TestingStore({ shared: blog.store });
  const order: string[] = [];
  store.script = ({ kind, method }) => {
    if (kind === 'token' && method === 'setMany') order.push(`bump with ${ids().length} row`);
    return undefined;
  };
  await polling(store);
  blog.insert('saved-1', 'Comment:=1');
  await poll(2);
  expect(order).toEqual(['bump with 1 row']);
  expect(ids()).toEqual([]);
});

test('a row of a save that may be under way is bumped by each poll for a minute, and then removed', async () => {
  await polling();
  blog.insert('saving-1', 'Comment');
  await poll(3);
  expect([blog.bumped, ids()]).toEqual([['Comment', 'Comment'], ['saving-1']]);
  await poll();
  expect([blog.bumped.length, ids()]).toEqual([3, []]);
});

test('rows of saves under way hold up no others', async () => {
  await polling();
  blog.database.exec('BEGIN');
  for (let i = 0; i < 1_100; i++) blog.insert(`saving-${i}`, `Slow:=${i}`);
  for (let i = 0; i < 2_500; i++) blog.insert(`saved-${i}`, 'Comment:=1');
  blog.database.exec('COMMIT');
  await poll();
  expect(ids().filter((id) => id.startsWith('saved'))).toEqual([]);
  expect(ids()).toHaveLength(1_100);
});

test('rows of another site in the same database, or of another version, are left alone', async () => {
  await polling();
  blog.insert('saved-1', 'Comment:=1', 'shop:1');
  blog.insert('saved-1', 'Comment:=1', ':2');
  await poll(3);
  expect([blog.bumped, ids()]).toEqual([[], ['saved-1', 'saved-1']]);
});

test('a row that cannot be read means everything', async () => {
  await polling();
  blog.insert('saved-1', 'Comment:=%');
  await poll(2);
  expect([blog.bumped, ids()]).toEqual([['*'], []]);
});

describe('a database that does not answer', () => {
  test('is reported once, when it has failed twice, and again after it was there', async () => {
    await polling();
    const rename = (from: string, to: string) => blog.database.exec(`ALTER TABLE ${from} RENAME TO ${to}`);
    for (let times = 1; times <= 2; times++) {
      rename('cachesweeper_outbox', 'away');
      await poll();
      expect(blog.errors).toHaveLength(times - 1);
      await poll(3);
      expect(blog.errors).toHaveLength(times);
      expect(blog.errors.at(-1)).toMatchObject({
        code: 'CACHESWEEPER_OUTBOX',
        message: expect.stringMatching(/no such table.*createTable/),
      });
      rename('away', 'cachesweeper_outbox');
      await poll();
    }
  });

  test('is asked no more when the connection was closed', async () => {
    await polling();
    await blog.knex.destroy();
    await poll(3);
    expect(blog.errors).toEqual([]);
  });
});

test('a removal that fails is tried again by the next poll', async () => {
  const sweeper = await polling();
  let fails = true;
  const prepare = blog.database.prepare.bind(blog.database);
  blog.database.prepare = (sql: string) => {
    if (fails && sql.startsWith('DELETE')) throw new Error('locked');
    return prepare(sql);
  };
  await sweeper.transaction((t) => {
    t.invalidateCacheFor({ type: 'Comment', id: 1 });
    return t.writeOutbox((sql) => blog.database.exec(sql));
  });
  await sweeper.idle();
  expect(ids()).toHaveLength(1);
  fails = false;
  await poll();
  expect([ids(), blog.errors]).toEqual([[], []]);
});

test('a removal that has no answer holds up nothing: its row may be locked by a process that is stopped', async () => {
  await polling();
  let deletions = 0;
  const raw = (sql: string) => {
    if (!sql.startsWith('DELETE')) return blog.knex.raw(sql);
    deletions++;
    return new Promise<never>(() => {});
  };
  const knex = { raw, transaction: () => expect.unreachable(), client: { dialect: 'sqlite3', pool: {} } };
  const hindered = blog.process({ knex, interval: '1s' });
  blog.bumped.length = 0;
  const pollOne = async () => {
    vi.advanceTimersByTime(1_000);
    for (let turns = 0; turns < 60; turns++) await new Promise((resolve) => setImmediate(resolve));
  };
  blog.insert('saved-1', 'Comment:=1');
  for (let times = 0; times < 2; times++) await pollOne();
  blog.insert('saved-2', 'Comment:=2');
  for (let times = 0; times < 3; times++) await pollOne();
  expect([blog.bumped, deletions]).toEqual([['Comment:=1', 'Comment:=2'], 1]);
  await hindered.close();
});

test('many rows of saves under way, bumped for a minute, hide no others behind them', async () => {
  await polling();
  blog.database.exec('BEGIN');
  for (let i = 0; i < 1_000; i++) blog.insert(`saving-${String(i).padStart(4, '0')}`, 'Slow');
  blog.insert('saving-9999', 'Comment');
  blog.database.exec('COMMIT');
  await poll(2);
  expect(blog.bumped).toContain('Comment');
});

test('a closed sweeper polls no more', async () => {
  const sweeper = await polling();
  await sweeper.close();
  await poll(3);
  expect(blog.sent).toEqual([]);
});
