import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { httpModels, webhook } from 'nunjucks-cachesweeper/http';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { expect, vi } from 'vitest';
import { Clock } from '../waiting/support.ts';
import { HttpApi } from './api.ts';
import { type Client, clients } from './clients.ts';
import { ApiSite } from './site.ts';

const [fetching] = clients as [Client];
const repeating = clients.find(({ name }) => name === 'superagent') as Client;
const SECRET = 'a secret of enough characters';

/** Shows that what a page shows is made anew after a write. */
async function reached(shown: string, written: string): Promise<void> {
  const site = new ApiSite(api, fetching);
  await site.render([shown]);
  expect(await site.loaded([shown])).toEqual([]);
  await site.send('PUT', api.origin + written).catch(() => {});
  expect(await site.loaded([shown])).not.toEqual([]);
}

/** Shows that a page that was loaded in some way is loaded again. */
async function notStored(site: ApiSite, path = '/tags/3'): Promise<void> {
  await site.render([path]);
  expect(await site.loaded([path])).not.toEqual([]);
}

/** Shows that a write is bumped twice. */
async function bumpedTwice(answer: () => Promise<Response>): Promise<void> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const bumped: unknown[] = [];
    const sweeper = new CacheSweeper({ onBump: (names) => bumped.push(names) });
    const { fetch } = httpModels(sweeper, [], { fetch: answer });
    await fetch('https://api.example/', { method: 'PUT' }).catch(() => {});
    await vi.advanceTimersByTimeAsync(20_000);
    expect(bumped).toHaveLength(2);
  } finally {
    vi.useRealTimers();
  }
}

/** What a webhook answers to a request of some minutes ago, sent so many times. */
async function hooked({ ago = 0, times = 1, secret = SECRET } = {}): Promise<number> {
  const hook = webhook(new CacheSweeper(), { secret: SECRET, models: () => 'Article' });
  const time = String(Math.floor(Date.now() / 1_000) - ago * 60);
  const signature = createHmac('sha256', secret).update(`1.${time}.{}`).digest('base64');
  const headers = { 'webhook-id': '1', 'webhook-timestamp': time, 'webhook-signature': `v1,${signature}` };
  let status = 0;
  for (let i = 0; i < times; i++) {
    ({ status } = await hook.receive({ method: 'POST', path: '/', headers, body: Buffer.from('{}') }));
  }
  return status;
}

/** The API that they use: `run` starts it. */
let api: HttpApi;

const checks = {
  'a write reaches the collection above it': () => reached('/articles', '/articles/7'),
  'a write reaches what is below it': () => reached('/articles/7/comments', '/articles/7'),
  'a write without an answer is invalidated': () => reached('/articles/7', '/articles/7?plan=cut'),
  'a write without an answer is invalidated once more': () => bumpedTwice(() => Promise.reject(new TypeError('lost'))),
  'a write that is carried out later is invalidated once more': () =>
    bumpedTwice(async () => new Response(null, { status: 202 })),
  'a write that is refused when it is repeated is invalidated': async () => {
    const bumped: unknown[] = [];
    const sweeper = new CacheSweeper({ onBump: (names) => bumped.push(names) });
    await repeating.make(sweeper)('PUT', `${api.origin}/articles/7?plan=flaky`);
    expect(bumped).not.toEqual([]);
  },
  'the Location of an answer is invalidated': () => reached('/articles/9', '/tags?plan=created'),
  'what is written while a read is under way is not missed': async () => {
    const site = new ApiSite(api, fetching);
    let isFirst = true;
    api.after = async (method) => {
      if (method !== 'GET' || !isFirst) return;
      isFirst = false;
      await site.send('PUT', `${api.origin}/tags/3`);
    };
    await notStored(site);
  },
  'a write is invalidated when it resolves': async () => {
    const store = new TestingStore();
    const [site, other] = [0, 1].map(() => new ApiSite(api, fetching, { store })) as [ApiSite, ApiSite];
    await other.render(['/tags/3']);
    store.script = ({ method, kind }) => (method !== 'getMany' && kind === 'token' ? { delay: 30 } : undefined);
    await site.send('PUT', `${api.origin}/tags/3`);
    store.script = undefined;
    expect(await other.loaded(['/tags/3'])).toEqual(['/tags/3']);
  },
  'a read depends on the url that it was redirected to': () => reached('/x?to=/articles/7', '/articles/7?plan=empty'),
  'what was written before it was known is not missed': async () => {
    const site = new ApiSite(api, fetching);
    let isFirst = true;
    api.before = async (method, at) => {
      if (method !== 'GET' || at !== '/x' || !isFirst) return;
      isFirst = false;
      await sleep(2);
      await site.send('PUT', `${api.origin}/articles/7`);
    };
    await notStored(site, '/x?to=/articles/7');
  },
  'an old answer of a cache is not stored': async () => {
    const clock = new Clock();
    const site = new ApiSite(api, fetching, { now: clock.now });
    await site.send('PUT', `${api.origin}/tags/3`);
    clock.advance(5_000);
    api.age = '60';
    await notStored(site);
  },
  'cache groups are of the origin that has answered': async () => {
    const other = await new HttpApi().start();
    other.groupsOf = () => ['tags'];
    const site = new ApiSite(api, fetching);
    const paths = [`/x?to=${other.origin}/tags/3`];
    await site.render(paths);
    await site.send('PUT', `${other.origin}/articles/7?plan=groups`);
    expect(await site.loaded(paths)).not.toEqual([]);
    await other.stop();
  },
  'what is read with credentials is not stored': async () => {
    const make: Client['make'] = (...made) => {
      const send = fetching.make(...made);
      return (method, url) => send(method, url, { headers: { authorization: 'Bearer secret' } });
    };
    await notStored(new ApiSite(api, { ...fetching, make }));
  },
  'what stands in the place of a failed read is not stored': async () => {
    const make: Client['make'] = (...made) => {
      const send = fetching.make(...made);
      return (method, url) => send(method, url).catch(() => '{}');
    };
    api.fails = 'cut';
    await notStored(new ApiSite(api, { ...fetching, make }));
  },
  'a write whose rule fails invalidates everything': async () => {
    const model = () => {
      throw new Error('a rule failed');
    };
    const rules = [{ match: `${api.origin}/tags`, model }];
    const site = new ApiSite(api, fetching, { rules, onError: () => {} });
    await site.render(['/articles']);
    await site.send('PUT', `${api.origin}/tags`);
    expect(await site.loaded(['/articles'])).toEqual(['/articles']);
  },
  'a webhook refuses a replay': async () => expect(await hooked({ times: 2 })).toBe(409),
  'a webhook refuses what was not sent now': async () => expect(await hooked({ ago: 10 })).toBe(401),
  'a webhook refuses what is not signed': async () => expect(await hooked({ secret: `${SECRET}!` })).toBe(401),
};

export type ProtectionName = keyof typeof checks;

/** Rejects if the library lacks a protection. */
export async function run(name: ProtectionName): Promise<void> {
  api = await new HttpApi().start();
  try {
    await checks[name]();
  } finally {
    await api.stop();
  }
}
