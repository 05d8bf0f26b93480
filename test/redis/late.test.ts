import { setTimeout as sleep } from 'node:timers/promises';
import { Redis as IoRedis } from 'ioredis';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { Redis, until } from '../support/redis.ts';
import { CLIENTS, clientOpener, kindsOf, type Open } from './clients.ts';
import { CALL, item, SHORT, shown, storeOpener } from './support.ts';

const openClient = clientOpener();
const openStore = storeOpener();

describe.each(kindsOf<Open>(CLIENTS))('over %s', (_name, open) => {
  let server: Redis;
  beforeAll(async () => {
    server = await Redis.start();
  });

  test('a server that stood still does not carry out what its caller has given up', async () => {
    const { store } = openStore(openClient(open, server.port));
    await store.setMany('token', [item('t', 'first')], CALL);
    server.stop();
    const answers = await Promise.all([
      store.setMany('token', [item('t', 'late'), item('u', 'late')], SHORT),
      store.addMany('token', [item('v', 'late')], SHORT),
    ]);
    expect(answers).toEqual([[false, false], ['unknown']]);
    server.continue();
    expect(shown(await store.getMany('token', ['t', 'u', 'v'], CALL))).toEqual(['found first', 'missing', 'missing']);
  });

  test('but what it can carry out in time it does, also when it has stood still meanwhile', async () => {
    const { store } = openStore(openClient(open, server.port));
    await store.setMany('token', [item('t', 'first')], CALL);
    server.stop();
    const setting = store.setMany('token', [item('t', 'second')], CALL);
    await sleep(50);
    server.continue();
    expect(await setting).toEqual([true]);
    expect(shown(await store.getMany('token', ['t'], CALL))).toEqual(['found second']);
  });

  test('while the server is away nothing is handed to the client, to be carried out when it is back', async () => {
    const own = await Redis.start();
    const { store } = openStore(openClient(open, own.port));
    await store.setMany('token', [item('t', 'first')], CALL);
    await own.kill();
    await until(async () => (await store.setMany('token', [item('t', 'late')], SHORT))[0] === false);
    expect(await store.setMany('entry', [item('e', 'late')], SHORT)).toEqual([false]);
    await own.start();
    await until(async () => (await store.getMany('token', ['t'], CALL))[0]?.state === 'missing');
    await until(async () => (await store.getMany('entry', ['e'], CALL))[0]?.state === 'missing');
    expect(await own.command('EXISTS', '{csw}t:t', 'csw:e:e')).toBe(0);
  });

  test('a bump as soon as the server is back waits for the client to be connected again', async () => {
    const own = await Redis.start();
    const { store } = openStore(openClient(open, own.port));
    await store.setMany('token', [item('t', 'first')], CALL);
    await own.kill();
    const setting = store.setMany('token', [item('t', 'second')], CALL);
    await own.start();
    // The client may have sent it to the old server: then it is not known, and is bumped again.
    if (!(await setting)[0]) expect(await store.setMany('token', [item('t', 'second')], CALL)).toEqual([true]);
    expect(shown(await store.getMany('token', ['t'], CALL))).toEqual(['found second']);
  });
});

test('what ioredis sends again on a new connection is not carried out after its time', async () => {
  const server = await Redis.start();
  const client = new IoRedis(server.port, { retryStrategy: () => 20 });
  client.on('error', () => {});
  const { store } = openStore(client);
  await store.setMany('token', [item('t', 'first')], CALL);
  server.stop();
  expect(await store.setMany('token', [item('t', 'late')], SHORT)).toEqual([false]);
  client.stream.destroy();
  await until(() => client.status === 'connect');
  server.continue();
  await until(() => client.status === 'ready');
  expect(shown(await store.getMany('token', ['t'], CALL))).toEqual(['found first']);
  // It had been sent twice: the second time by ioredis.
  expect(await server.info('commandstats')).toMatch(/cmdstat_evalsha:calls=[4-9]/);
  client.disconnect();
});

test("a token is written however wrong this machine's clock is", async () => {
  const server = await Redis.start();
  const { store } = openStore(openClient(CLIENTS['redis 5'], server.port));
  for (const time of [0, 4e12]) {
    vi.spyOn(Date, 'now').mockReturnValue(time);
    expect(await store.setMany('token', [item('t', String(time))], CALL)).toEqual([true]);
    vi.restoreAllMocks();
    expect(shown(await store.getMany('token', ['t'], CALL))).toEqual([`found ${time}`]);
  }
});

test('a write that was meant for another master is not carried out; the next one is', async () => {
  const master = await Redis.start();
  const { store } = openStore(openClient(CLIENTS['ioredis 5'], master.port));
  await store.setMany('token', [item('t', 'first')], CALL);
  const [{ id: before = '' } = {}] = [idOf(await master.info('replication'))];
  // A new replication id without a new connection, as after a promotion behind an address that stays.
  await master.command('REPLICAOF', '127.0.0.1', '1');
  await master.promote();
  expect(idOf(await master.info('replication')).id).not.toBe(before);
  // On a slow machine the store has asked again who the master is.
  const [isWritten] = await store.setMany('token', [item('t', 'second')], CALL);
  if (!isWritten) expect(shown(await store.getMany('token', ['t'], CALL))).toEqual(['missing']);
  expect(await store.setMany('token', [item('t', 'third')], CALL)).toEqual([true]);
  expect(shown(await store.getMany('token', ['t'], CALL))).toEqual(['found third']);
});

function idOf(info: string): { readonly id: string | undefined } {
  return { id: /master_replid:(\w+)/.exec(info)?.[1] };
}
