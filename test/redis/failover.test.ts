import { beforeEach, describe, expect, test } from 'vitest';
import { Redis, until } from '../support/redis.ts';
import { CLIENTS, clientOpener, kindsOf, type Open } from './clients.ts';
import { CALL, item, shown, storeOpener } from './support.ts';

const openClient = clientOpener();
const openStore = storeOpener();

describe.each(kindsOf<Open>(CLIENTS))('over %s', (_name, open) => {
  let master: Redis;
  let replica: Redis;
  beforeEach(async () => {
    master = await Redis.start();
    replica = await master.startReplica();
  });

  test('a replica that takes over without the last writes brings no old token back', async () => {
    const { store } = openStore(openClient(open, master.port));
    await store.setMany('token', [item('t', 'old'), item('u', 'same')], CALL);
    await until(async () => (await replica.command('EXISTS', '{csw}t:t', '{csw}t:u')) === 2);
    await replica.cutOff();
    expect(await store.setMany('token', [item('t', 'new')], CALL)).toEqual([true]);
    await master.kill();
    await replica.promote();
    expect(String(await replica.command('GET', '{csw}t:t'))).toContain('old');
    const { store: after } = openStore(openClient(open, replica.port));
    expect(shown(await after.getMany('token', ['t', 'u'], CALL))).toEqual(['missing', 'missing']);
  });

  test('what was written under another master is replaced by one of those who add, and by no other', async () => {
    const { store } = openStore(openClient(open, master.port));
    await store.setMany('token', [item('t', 'old')], CALL);
    await until(async () => (await replica.command('EXISTS', '{csw}t:t')) === 1);
    await master.kill();
    await replica.promote();
    const [one, two] = [openStore(openClient(open, replica.port)), openStore(openClient(open, replica.port))];
    const added = await Promise.all([
      one.store.addMany('token', [item('t', 'of one')], CALL),
      two.store.addMany('token', [item('t', 'of two')], CALL),
    ]);
    expect(added.flat().sort()).toEqual(['added', 'exists']);
    const winner = added[0][0] === 'added' ? 'found of one' : 'found of two';
    expect(shown(await one.store.getMany('token', ['t'], CALL))).toEqual([winner]);
    expect(shown(await two.store.getMany('token', ['t'], CALL))).toEqual([winner]);
  });

  test('a master that was made a replica gives no token, over the same connection', async () => {
    const { store, errors } = openStore(openClient(open, master.port));
    await store.setMany('token', [item('t', 'old')], CALL);
    await replica.promote();
    await master.follow(replica);
    expect(shown(await store.getMany('token', ['t'], CALL))).toEqual(['unknown']);
    expect(await store.setMany('token', [item('t', 'new')], CALL)).toEqual([false]);
    expect(await store.addMany('token', [item('u', 'new')], CALL)).toEqual(['unknown']);
    expect(errors[0]).toMatchObject({ code: 'CACHESWEEPER_STORE_UNREACHABLE' });
    expect(errors[0]?.message).toContain('Redis cannot be used (it answers as a replica');
  });

  test('a master that comes back to its post takes writes again, and knows no token of before', async () => {
    const { store } = openStore(openClient(open, master.port));
    await store.setMany('token', [item('t', 'old')], CALL);
    await replica.promote();
    await master.follow(replica);
    await master.promote();
    expect(shown(await store.getMany('token', ['t'], CALL))).toEqual(['missing']);
    expect(await store.setMany('token', [item('t', 'new')], CALL)).toEqual([true]);
    expect(shown(await store.getMany('token', ['t'], CALL))).toEqual(['found new']);
  });
});

test('a restart from disk brings no token back', async () => {
  const server = await Redis.start('--appendonly', 'yes', '--appendfsync', 'no');
  const { store } = openStore(openClient(CLIENTS['redis 5'], server.port));
  await store.setMany('token', [item('t', 'old')], CALL);
  await store.setMany('entry', [item('e', 'html')], CALL);
  await server.kill('SIGTERM');
  await server.start();
  expect(String(await server.command('GET', '{csw}t:t'))).toContain('old');
  expect(shown(await store.getMany('token', ['t'], CALL))).toEqual(['missing']);
  expect(shown(await store.getMany('entry', ['e'], CALL))).toEqual(['found html']);
});
