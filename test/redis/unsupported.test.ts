import { Redis as IoRedis } from 'ioredis';
import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { RedisStore } from 'nunjucks-cachesweeper/redis';
import { afterEach, describe, expect, test } from 'vitest';
import { Redis } from '../support/redis.ts';
import { CLIENTS, clientOpener } from './clients.ts';
import { CALL, item, shown, storeOpener } from './support.ts';

const openClient = clientOpener();
const openStore = storeOpener();
const clients: IoRedis[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect();
});

/** Servers that do not tell their replication id, and how a client gets in. */
const HIDDEN: Readonly<Record<string, () => Promise<{ readonly server: Redis; readonly client: IoRedis }>>> = {
  'an account that may not ask for INFO': async () => {
    const server = await Redis.start();
    await server.command('ACL', 'SETUSER', 'site', 'on', '>word', '~*', '&*', '+@all', '-info');
    const client = new IoRedis(server.port, { username: 'site', password: 'word', enableReadyCheck: false });
    return { server, client };
  },
  'a server without INFO': async () => {
    const server = await Redis.start('--rename-command', 'INFO', '');
    return { server, client: new IoRedis(server.port, { enableReadyCheck: false }) };
  },
};

describe.each(Object.entries(HIDDEN))('%s', (_name, start) => {
  test('gives no tokens, and one clear error', async () => {
    const { client } = await start();
    clients.push(client);
    const { store, errors } = openStore(client);
    for (let i = 0; i < 3; i++) {
      expect(shown(await store.getMany('token', ['t'], CALL))).toEqual(['unknown']);
      expect(await store.addMany('token', [item('t', 'x')], CALL)).toEqual(['unknown']);
      expect(await store.setMany('token', [item('t', 'x')], CALL)).toEqual([false]);
    }
    // One for reading, one for writing.
    expect(errors.map(({ code }) => code)).toEqual([
      'CACHESWEEPER_STORE_UNSUPPORTED',
      'CACHESWEEPER_STORE_UNSUPPORTED',
    ]);
    expect(errors[0]?.message).toMatch(
      /^Redis does not answer INFO replication \(.+\), so that a failover would go unnoticed/,
    );
    expect(errors[0]?.message).toContain('Allow the command, or set durable: true');
  });

  test('is used if the site asserts that no acknowledged write is lost', async () => {
    const { client } = await start();
    clients.push(client);
    const { store, errors } = openStore(client, { durable: true });
    expect(await store.addMany('token', [item('t', 'one')], CALL)).toEqual(['added']);
    expect(await store.addMany('token', [item('t', 'two')], CALL)).toEqual(['exists']);
    expect(shown(await store.getMany('token', ['t'], CALL))).toEqual(['found one']);
    expect(await store.setMany('token', [item('t', 'three')], CALL)).toEqual([true]);
    expect(shown(await store.getMany('token', ['t'], CALL))).toEqual(['found three']);
    expect(errors).toEqual([]);
  });
});

test('pages on such a server are rendered uncached, each time', async () => {
  const { client } = await (HIDDEN['a server without INFO'] as () => Promise<{ client: IoRedis }>)();
  clients.push(client);
  const sweeper = new CacheSweeper({ store: new RedisStore(client), onError: () => {} });
  const env = sweeper.install(new nunjucks.Environment(null));
  let made = 0;
  const render = () =>
    new Promise((resolve, reject) => {
      const context = { made: () => ++made };
      env.renderString('{% cachesweeper "Comment" 500 %}{{ made() }}{% endcachesweeper %}', context, (error, html) =>
        error ? reject(error) : resolve(html),
      );
    });
  expect([await render(), await render()]).toEqual(['1', '2']);
  await expect(sweeper.invalidateCacheFor('Comment')).rejects.toMatchObject({ code: 'CACHESWEEPER_BUMP_FAILED' });
  await sweeper.close();
});

test('tokens that were written with durable count for no store without it, and the other way round', async () => {
  const server = await Redis.start();
  const { store: durable } = openStore(openClient(CLIENTS['redis 5'], server.port), { durable: true });
  const { store: checked } = openStore(openClient(CLIENTS['redis 5'], server.port));
  await durable.setMany('token', [item('t', 'asserted')], CALL);
  expect(shown(await checked.getMany('token', ['t'], CALL))).toEqual(['missing']);
  expect(await checked.addMany('token', [item('t', 'checked')], CALL)).toEqual(['added']);
  expect(shown(await durable.getMany('token', ['t'], CALL))).toEqual(['missing']);
});
