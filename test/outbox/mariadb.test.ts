import makeKnex from 'knex';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { expect, test, vi } from 'vitest';
import { MariaDb } from '../sql/mariadb.ts';
import { isDeep } from '../support/long.ts';

test.runIf(isDeep)('an outbox in MariaDB: its table is made, what a process left is bumped and removed', async () => {
  const server = new MariaDb();
  await server.start();
  const first = makeKnex({ client: 'mysql2', connection: { socketPath: server.socketPath } });
  await first.raw('CREATE DATABASE blog');
  await first.destroy();
  const knex = makeKnex({ client: 'mysql2', connection: { socketPath: server.socketPath, database: 'blog' } });
  const store = new TestingStore();
  const dying = new CacheSweeper({
    store: new TestingStore({ shared: store, script: () => ({ outcome: 'unknown' }) }),
    outbox: { knex, interval: '1h' },
    onError: () => {},
  });
  await dying.outbox.createTable();
  await dying.outbox.createTable();
  const rows = () => knex('cachesweeper_outbox').select('names');
  const save = (id: string) =>
    dying.transaction((t) =>
      knex.transaction(async (trx) => {
        t.invalidateCacheFor({ type: 'Comment', id });
        await t.writeOutbox(trx);
      }),
    );
  await save(`it's "odd" ? \\ $1`);
  expect(await rows()).toHaveLength(1);
  await expect(Promise.all(Array.from({ length: 20 }, (_, i) => save(`${i}`)))).resolves.toHaveLength(20);
  const bumped: string[] = [];
  const survivor = new CacheSweeper({
    store,
    outbox: { knex, interval: '10ms' },
    onBump: (names) => bumped.push(...names),
  });
  await vi.waitFor(async () => expect(await rows()).toEqual([]), { timeout: 15_000 });
  expect(bumped).toContain(`Comment:=it's "odd" ? \\ $1`);
  expect(new Set(bumped).size).toBe(22);
  await Promise.all([survivor.close(), dying.close()]);
  await knex.destroy();
  await server.stop();
});
