import { expect, test } from 'vitest';
import { honest, ScriptedServer } from '../support/scripted-server.ts';
import { Stopwatch } from '../support/stopwatch.ts';
import { CALL, item, keys, opener, roundTrip } from './support.ts';

const open = opener();

test('a server that fails is tried again in the background, ever more rarely; meanwhile calls are answered at once', async () => {
  const server = await ScriptedServer.start();
  const { store, errors } = open(server.address);
  expect(await roundTrip(store)).toBe('missing');
  server.behaviour = (socket) => socket.resetAndDestroy();
  expect(await roundTrip(store)).toBe('unknown');
  const before = server.connections;
  const watch = new Stopwatch();
  let calls = 0;
  while (watch.milliseconds < 700) {
    const asked = watch.milliseconds;
    expect((await store.getMany('entry', keys(2), CALL)).every(({ state }) => state === 'unknown')).toBe(true);
    // Not even the first of them waits for a connection, let alone for its deadline.
    expect(watch.milliseconds - asked).toBeLessThan(CALL.timeout / 2);
    calls++;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  watch.stop();
  expect(calls).toBeGreaterThan(20);
  // At once, then after 200, 400 and 800 ms or, at best, half of that.
  expect(server.connections - before).toBeGreaterThanOrEqual(1);
  expect(server.connections - before).toBeLessThanOrEqual(6);
  const stats = store.stats().servers[server.address];
  expect(stats).toMatchObject({ state: 'failed' });
  expect(stats?.refused).toBeGreaterThan(calls);
  // Told once.
  expect(errors).toHaveLength(1);
  expect(errors[0]).toMatchObject({ code: 'CACHESWEEPER_STORE_UNREACHABLE' });

  server.behaviour = honest;
  await expect.poll(() => roundTrip(store), { timeout: 2_500, interval: 10 }).toBe('missing');
  expect(store.stats().servers[server.address]?.state).toBe('ready');
});

test('a bump does not wait for the next attempt: it makes one', async () => {
  const server = await ScriptedServer.start();
  const { store } = open(server.address);
  server.behaviour = (socket) => socket.resetAndDestroy();
  for (let i = 0; i < 5; i++) expect(await store.setMany('token', [item('a', 'x')], CALL)).toEqual([false]);
  expect(server.connections).toBe(5);
  server.behaviour = honest;
  expect(await store.setMany('token', [item('a', 'x')], CALL)).toEqual([true]);
  expect(await roundTrip(store)).toBe('missing');
});

test('a server that closes an idle connection has not failed: the next call opens another', async () => {
  const server = await ScriptedServer.start();
  const { store, errors } = open(server.address);
  let hangUp = () => {};
  server.behaviour = (socket, exchanges) => {
    honest(socket, exchanges);
    hangUp = () => socket.end();
  };
  await roundTrip(store);
  hangUp();
  await expect.poll(() => store.stats().servers[server.address]?.state).toBe('unused');
  expect(await roundTrip(store)).toBe('missing');
  expect(server.connections).toBe(2);
  expect(errors).toEqual([]);
  expect(store.stats().servers[server.address]).toMatchObject({ failures: 0, refused: 0 });
});

test('a server that comes back after it was used is found by the first attempt: no call is refused in between', async () => {
  const server = await ScriptedServer.start();
  const { store } = open(server.address);
  await roundTrip(store);
  server.behaviour = (socket) => {
    server.behaviour = honest;
    socket.resetAndDestroy();
  };
  expect(await roundTrip(store)).toBe('unknown');
  await expect.poll(() => store.stats().servers[server.address]?.state).toBe('ready');
  expect(await roundTrip(store)).toBe('missing');
  expect(store.stats().servers[server.address]).toMatchObject({ failures: 1, refused: 0 });
});
