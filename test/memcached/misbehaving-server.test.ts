import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { describe, expect, onTestFinished, test } from 'vitest';
import { byteByByte, type Misbehaviour, misbehaviours } from '../support/misbehaviours.ts';
import { type Behaviour, honest, ScriptedServer } from '../support/scripted-server.ts';
import { IdleWatch } from '../support/stopwatch.ts';
import { Pages } from './pages.ts';

const NOOP = 0x0a;

type WhenFinished = (close: () => Promise<void>) => void;

function serve(server: ScriptedServer, whenFinished: WhenFinished = onTestFinished) {
  const store = new MemcachedStore(server.address);
  const pages = new Pages(store);
  whenFinished(() => pages.close());
  return { store, pages };
}

/** Calls of the store end when they must, whatever the server does. */
async function callsEnd(store: MemcachedStore): Promise<void> {
  const watch = new IdleWatch();
  const call = { timeout: 100 };
  const item = { key: 'k', value: Buffer.from('v'), ttl: 0 };
  await Promise.all([
    store.getMany('token', ['a', 'b'], call),
    store.getMany('entry', ['a', 'b'], call),
    store.setMany('entry', [item], call),
    store.addMany('entry', [item], call),
  ]);
  expect(watch.stop()).toBeLessThan(1_100);
}

/** Pages and bumps while it lasts, and after it. */
async function livesThrough(
  { store, pages }: ReturnType<typeof serve>,
  server: ScriptedServer,
  bumps: Misbehaviour['bumps'],
): Promise<void> {
  await pages.render(3);
  const acknowledged = await pages.edit(3);
  if (bumps !== 'either') expect(acknowledged).toBe(bumps === 'acknowledged');
  await pages.render(3);
  await callsEnd(store);
  await pages.render();
  server.behaviour = honest;
  await pages.inService();
  await pages.site.sweeper.idle();
  expect(pages.site.sweeper.stats().bumpsWaiting).toBe(0);
  expect(await pages.edit(4)).toBe(true);
  await pages.render(3);
  await pages.inService();
}

const greeting =
  (then: Behaviour): Behaviour =>
  (socket, exchanges) =>
    (exchanges.every(({ request }) => request.opcode === NOOP) ? honest : then)(socket, exchanges);

const cases = Object.entries(misbehaviours);

describe('a server that in the middle of its work', () => {
  test.concurrent.for(cases)('%s', async ([, { behaviour, bumps }], { onTestFinished: whenFinished }) => {
    const server = await ScriptedServer.start();
    const { store, pages } = serve(server, whenFinished);
    await pages.inService();
    server.behaviour = greeting(behaviour);
    await livesThrough({ store, pages }, server, bumps);
  });
});

describe('a server that from the first connection on', () => {
  test.concurrent.for(cases)('%s', async ([, { behaviour, bumps }], { onTestFinished: whenFinished }) => {
    const server = await ScriptedServer.start();
    server.behaviour = behaviour;
    await livesThrough(serve(server, whenFinished), server, bumps === 'rejected' ? bumps : 'either');
  });
});

describe("a store's calls, before any seal is looked at: what is found is what the key holds, when the server", () => {
  // Whether this is so is known to whoever sealed the value.
  const told = cases.filter(([name]) => name !== "gives another key's value");
  test.concurrent.for(told)('%s', async ([, { behaviour }], { onTestFinished: whenFinished }) => {
    const server = await ScriptedServer.start();
    const { store } = serve(server, whenFinished);
    const keys = Array.from({ length: 5 }, (_, i) => `key${i}`);
    const items = keys.map((key) => ({ key, value: Buffer.from(`value of ${key}`), ttl: 0 }));
    expect(await store.setMany('entry', items, { timeout: 5_000 })).toEqual(keys.map(() => true));
    server.behaviour = greeting(behaviour);
    for (let i = 0; i < 3; i++) {
      const answers = await Promise.all(
        [keys, keys.toReversed()].map((each) => store.getMany('entry', each, { timeout: 100 })),
      );
      [...keys, ...keys.toReversed()].forEach((key, place) => {
        const answer = answers.flat()[place];
        expect(answer?.state).not.toBe('missing');
        if (answer?.state === 'found') expect(Buffer.from(answer.value).toString()).toBe(`value of ${key}`);
      });
    }
  });
});

test('one byte at a time is as good as all at once: everything hits', async () => {
  const server = await ScriptedServer.start();
  // However slow this machine is.
  const pages = new Pages(new MemcachedStore(server.address), { timeout: '10s' });
  onTestFinished(() => pages.close());
  await pages.inService();
  server.behaviour = byteByByte;
  for (let i = 0; i < 2; i++) {
    expect(await pages.site.page(pages)).toBe(pages.expected);
    expect(new Set(pages.site.outcomes)).toEqual(new Set(['hit']));
  }
  expect(await pages.edit(2)).toBe(true);
  expect(await pages.site.page(pages)).toBe(pages.expected);
  expect(pages.site.errors).toEqual([]);
});

test('no token is ever sent twice, whatever became of it', async () => {
  const server = await ScriptedServer.start();
  const { pages } = serve(server);
  await pages.inService();
  const sent = () =>
    server.requests
      .filter(({ opcode, key }) => (opcode === 0x01 || opcode === 0x02) && key.startsWith('t:'))
      .map(({ key, value }) => `${key} ${value}`);
  for (const { behaviour } of Object.values(misbehaviours).slice(0, 6)) {
    server.behaviour = greeting(behaviour);
    await pages.edit(1);
    server.behaviour = honest;
    await pages.site.sweeper.idle();
  }
  await expect.poll(() => pages.edit(1)).toBe(true);
  expect(sent().length).toBeGreaterThan(30);
  expect(new Set(sent()).size).toBe(sent().length);
});
