import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { slotOf } from '../../src/stores/redis/slot.ts';
import { Redis, until } from '../support/redis.ts';
import { CLUSTER_CLIENTS, clientOpener, kindsOf, type Open } from './clients.ts';
import { CALL, item, shown, storeOpener } from './support.ts';

const openClient = clientOpener();
const openStore = storeOpener();
const KEYS = Array.from({ length: 60 }, (_, i) => `site:1:comment.njk#0:{"n":${i}}:${i}`);
const ITEMS = KEYS.map((key) => item(key, key));

let nodes: readonly Redis[];
beforeAll(async () => {
  nodes = await Redis.startCluster(3);
});
beforeEach(() => Promise.all(nodes.map((node) => node.command('FLUSHALL'))));

/** Moves a slot, as `redis-cli --cluster reshard` does it. */
async function moveSlot(slot: number, from: Redis, to: Redis, meanwhile?: () => Promise<void>): Promise<void> {
  const [fromId, toId] = await Promise.all([from.command('CLUSTER', 'MYID'), to.command('CLUSTER', 'MYID')]);
  await to.command('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', String(fromId));
  await from.command('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', String(toId));
  await meanwhile?.();
  const keys = (await from.command('CLUSTER', 'GETKEYSINSLOT', String(slot), '1000')) as string[];
  if (keys.length > 0) await from.command('MIGRATE', '127.0.0.1', String(to.port), '', '0', '5000', 'KEYS', ...keys);
  for (const node of new Set([to, from, ...nodes]))
    await node.command('CLUSTER', 'SETSLOT', String(slot), 'NODE', String(toId));
}

async function ownerOf(slot: number): Promise<Redis> {
  for (const node of nodes) {
    const ranges = (await node.command('CLUSTER', 'SLOTS')) as [number, number, [string, number]][];
    const range = ranges.find(([first, last]) => first <= slot && slot <= last);
    const owner = nodes.find(({ port }) => port === range?.[2][1]);
    if (owner !== undefined) return owner;
  }
  throw new Error(`slot ${slot} is served by none`);
}

test('slots are counted as the cluster counts them', async () => {
  for (const key of [
    'a',
    '123456789',
    '{csw}t:a',
    'csw:e:{}',
    'csw:e:}{x}',
    'csw:e:{{a}b}',
    'csw:e:{a',
    '{a}{b}',
    ...KEYS,
  ]) {
    expect([key, slotOf(key)]).toEqual([key, await nodes[0]!.command('CLUSTER', 'KEYSLOT', key)]);
  }
});

describe.each(kindsOf<Open>(CLUSTER_CLIENTS))('over the cluster client of %s', (_name, open) => {
  test('tokens are on one node, entries on all, and both come back', async () => {
    const { store } = openStore(openClient(open, nodes[0]!.port));
    expect(await store.setMany('token', ITEMS, CALL)).toEqual(KEYS.map(() => true));
    expect(await store.setMany('entry', ITEMS, CALL)).toEqual(KEYS.map(() => true));
    const found = KEYS.map((key) => `found ${key}`);
    expect(shown(await store.getMany('token', KEYS, CALL))).toEqual(found);
    expect(shown(await store.getMany('entry', KEYS, CALL))).toEqual(found);
    expect(await store.addMany('entry', ITEMS, CALL)).toEqual(KEYS.map(() => 'exists'));
    const counts = await Promise.all(nodes.map(async (node) => Number(await node.command('DBSIZE'))));
    expect(counts.every((count) => count > 0)).toBe(true);
    const tokens = await (await ownerOf(slotOf('{csw}'))).command(
      'CLUSTER',
      'COUNTKEYSINSLOT',
      String(slotOf('{csw}')),
    );
    // And the idempotency key of the write.
    expect(tokens).toBe(KEYS.length + 1);
  });

  test('a node that does not answer costs its own entries, and no tokens', async () => {
    const { store } = openStore(openClient(open, nodes[0]!.port));
    await store.setMany('token', ITEMS, CALL);
    await store.setMany('entry', ITEMS, CALL);
    const holder = await ownerOf(slotOf('{csw}'));
    const away = nodes.find((node) => node !== holder) as Redis;
    const owners = await Promise.all(KEYS.map((key) => ownerOf(slotOf(`csw:e:${key}`))));
    const found = KEYS.map((key) => `found ${key}`);
    away.stop();
    try {
      const entries = store.getMany('entry', KEYS, { timeout: 300 });
      expect(shown(await store.getMany('token', KEYS, CALL))).toEqual(found);
      expect(shown(await entries)).toEqual(found.map((one, i) => (owners[i] === away ? 'unknown' : one)));
    } finally {
      away.continue();
    }
    await until(async () => (await store.getMany('entry', KEYS, CALL)).every(({ state }) => state === 'found'));
  });

  test('a slot that moves costs its tokens, and brings none back', async () => {
    const { store } = openStore(openClient(open, nodes[0]!.port));
    await store.setMany('token', [item('t', 'old'), item('u', 'old')], CALL);
    await store.setMany('token', [item('t', 'new')], CALL);
    const slot = slotOf('{csw}');
    const from = await ownerOf(slot);
    const to = nodes.find((node) => node !== from) as Redis;
    await moveSlot(slot, from, to, async () => {
      // Some of its keys are here and some are there: what cannot be told is unknown, and nothing else.
      const [moving] = await store.getMany('token', ['t'], { timeout: 200 });
      expect(['found new', 'unknown']).toContain(shown([moving!])[0]);
    });
    await until(async () => (await store.getMany('token', ['t'], CALL))[0]?.state !== 'unknown');
    expect(shown(await store.getMany('token', ['t', 'u'], CALL))).toEqual(['missing', 'missing']);
    expect(await store.addMany('token', [item('t', 'newer')], CALL)).toEqual(['added']);
    expect(await store.setMany('token', [item('u', 'newer')], CALL)).toEqual([true]);
    expect(shown(await store.getMany('token', ['t', 'u'], CALL))).toEqual(['found newer', 'found newer']);
  });

  test('entries of a slot that moves go with it', async () => {
    const { store } = openStore(openClient(open, nodes[0]!.port));
    await store.setMany('entry', ITEMS, CALL);
    const slot = slotOf(`csw:e:${KEYS[0]}`);
    const from = await ownerOf(slot);
    await moveSlot(slot, from, nodes.find((node) => node !== from) as Redis);
    expect(shown(await store.getMany('entry', KEYS, CALL))).toEqual(KEYS.map((key) => `found ${key}`));
  });
});
