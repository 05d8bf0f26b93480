import { describe, expect, test } from 'vitest';
import { honest, ScriptedServer } from '../support/scripted-server.ts';
import { CALL, item, keys, opener, roundTrip } from './support.ts';

const open = opener();

describe('caps', () => {
  test('entries are dropped, and counted, while 20,000 requests are on their way; token writes never are', async () => {
    const server = await ScriptedServer.start();
    const { store } = open(server.address);
    await roundTrip(store);
    let isHeld = true;
    const held: (() => void)[] = [];
    server.behaviour = (socket, exchanges) =>
      isHeld ? void held.push(() => honest(socket, exchanges)) : honest(socket, exchanges);
    const many = store.setMany(
      'entry',
      keys(20_000).map((key) => item(key, 'x')),
      CALL,
    );
    expect(
      await store.setMany(
        'entry',
        keys(3).map((key) => item(key, 'y')),
        CALL,
      ),
    ).toEqual([false, false, false]);
    expect(store.stats().servers[server.address]).toMatchObject({ dropped: 3, state: 'ready' });
    const token = store.setMany('token', [item('token', 'x')], CALL);
    await expect.poll(() => server.requests.some(({ key }) => key === 't:token')).toBe(true);
    isHeld = false;
    for (const release of held.splice(0)) release();
    expect(await token).toEqual([true]);
    expect((await many).every(Boolean)).toBe(true);
    expect(await store.setMany('entry', [item('again', 'x')], CALL)).toEqual([true]);
    expect(store.stats().servers[server.address]?.dropped).toBe(3);
  });

  test('the same with 16 MiB on their way', async () => {
    const server = await ScriptedServer.start();
    const { store } = open({ servers: server.address, compressFrom: false });
    await roundTrip(store);
    server.behaviour = () => {};
    const value = Buffer.alloc(900_000);
    const large = keys(19).map((key) => store.setMany('entry', [{ key, value, ttl: 0 }], { timeout: 300 }));
    expect(await store.setMany('entry', [item('one', 'more')], CALL)).toEqual([false]);
    expect(store.stats().servers[server.address]?.dropped).toBe(1);
    const token = store.setMany('token', [item('token', 'x')], { timeout: 300 });
    expect(store.stats().servers[server.address]?.dropped).toBe(1);
    expect((await Promise.all([...large, token])).flat().some(Boolean)).toBe(false);
  });
});

describe('deadlines', () => {
  test('each call has its own', async () => {
    const server = await ScriptedServer.start();
    const { store } = open(server.address);
    await roundTrip(store);
    server.behaviour = () => {};
    const order: number[] = [];
    await Promise.all(
      [150, 50, 100].map(async (timeout) => {
        expect(await store.getMany('token', ['k'], { timeout })).toEqual([{ state: 'unknown' }]);
        order.push(timeout);
      }),
    );
    expect(order).toEqual([50, 100, 150]);
  });

  test('what was answered before the deadline counts, the rest is unknown', async () => {
    const server = await ScriptedServer.start();
    const { store } = open(server.address);
    await store.setMany(
      'entry',
      keys(4).map((key) => item(key, key)),
      CALL,
    );
    server.behaviour = (socket, exchanges) => honest(socket, exchanges.slice(0, 2));
    const states = await store.getMany('entry', keys(4), { timeout: 50 });
    expect(states.map(({ state }) => state)).toEqual(['found', 'found', 'unknown', 'unknown']);
  });
});

describe('late answers', () => {
  test('are never given to another call', async () => {
    const server = await ScriptedServer.start();
    const { store } = open(server.address);
    await store.setMany(
      'entry',
      ['a', 'b'].map((key) => item(key, `value of ${key}`)),
      CALL,
    );
    const held: (() => void)[] = [];
    server.behaviour = (socket, exchanges) => void held.push(() => honest(socket, exchanges));
    expect(await store.getMany('entry', ['a'], { timeout: 20 })).toEqual([{ state: 'unknown' }]);
    const next = store.getMany('entry', ['b'], CALL);
    await expect.poll(() => held.length).toBe(2);
    for (const release of held.splice(0)) release();
    const [answer] = await next;
    expect(answer?.state === 'found' && Buffer.from(answer.value).toString()).toBe('value of b');
    expect(server.connections).toBe(1);
  });

  test.each(['setMany', 'addMany'] as const)(
    'a token whose %s was not acknowledged in time is deleted behind it, on the same connection',
    async (method) => {
      const server = await ScriptedServer.start();
      const { store } = open(server.address);
      await roundTrip(store);
      const held: (() => void)[] = [];
      server.behaviour = (socket, exchanges) => void held.push(() => honest(socket, exchanges));
      const [answer] = await store[method]('token', [item('a', 'x')], { timeout: 20 });
      expect(answer).toBe(method === 'setMany' ? false : 'unknown');
      await expect.poll(() => server.requests.at(-1)).toMatchObject({ opcode: 0x04, key: 't:a' });
      server.behaviour = honest;
      for (const release of held.splice(0)) release();
      expect(await store.getMany('token', ['a'], CALL)).toEqual([{ state: 'missing' }]);
      expect(server.connections).toBe(1);
    },
  );

  test('of a batch of which a part was acknowledged only the rest is deleted', async () => {
    const server = await ScriptedServer.start();
    const { store } = open(server.address);
    await roundTrip(store);
    server.behaviour = (socket, exchanges) => {
      honest(
        socket,
        exchanges.filter(({ request }) => request.key !== 't:c'),
      );
      server.behaviour = () => {};
    };
    const items = ['a', 'b', 'c'].map((key) => item(key, 'x'));
    expect(await store.setMany('token', items, { timeout: 50 })).toEqual([true, true, false]);
    await expect.poll(() => server.requests.at(-1)?.opcode).toBe(0x04);
    expect(server.take(0x04).map(({ key }) => key)).toEqual(['t:c']);
  });

  test('a server that owes an answer for a second is taken for gone; what is behind is deleted on the old connection', async () => {
    const server = await ScriptedServer.start();
    const { store, errors } = open(server.address);
    await roundTrip(store);
    server.behaviour = () => {};
    const first = store.getMany('entry', ['k'], { timeout: 50 });
    const write = store.setMany('token', [item('a', 'x')], { timeout: 3_000 });
    await first;
    server.requests.length = 0;
    // It is noticed by whoever comes next.
    await expect
      .poll(
        async () => {
          await store.getMany('entry', ['k'], { timeout: 50 });
          return errors.length;
        },
        { timeout: 5_000 },
      )
      .toBe(1);
    expect(errors[0]?.message).toContain('no answer for 1000 ms');
    expect(await write).toEqual([false]);
    await expect
      .poll(() => server.requests.filter(({ opcode }) => opcode === 0x04).map(({ key }) => key))
      .toEqual(['t:a']);
    server.behaviour = honest;
    await expect
      .poll(async () => (await store.getMany('token', ['a'], { timeout: 50 }))[0]?.state, { timeout: 5_000 })
      .toBe('missing');
    expect(server.connections).toBeGreaterThanOrEqual(2);
  });

  test('entries are left where they are: their tokens decide', async () => {
    const server = await ScriptedServer.start();
    const { store } = open(server.address);
    await roundTrip(store);
    server.behaviour = () => {};
    await store.setMany('entry', [item('a', 'x')], { timeout: 20 });
    server.behaviour = honest;
    await expect.poll(() => server.requests.some(({ opcode }) => opcode === 0x01)).toBe(true);
    expect(server.take(0x04)).toEqual([]);
  });
});
