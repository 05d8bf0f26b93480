import { setTimeout as sleep } from 'node:timers/promises';
import axios from 'axios';
import got from 'got';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { type HttpModels, httpModels } from 'nunjucks-cachesweeper/http';
import superagent from 'superagent';
import { Agent, interceptors, Pool, request, stream } from 'undici';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { HttpApi } from './api.ts';
import { clients } from './clients.ts';
import { ApiSite } from './site.ts';

const api = new HttpApi();
beforeAll(() => api.start());
afterAll(() => api.stop());

/** A sweeper whose bumps are noted by their paths: `/articles/7/**`. */
function hearing() {
  const bumped: string[] = [];
  const sweeper = new CacheSweeper({
    onBump: (names) => void bumped.push(...names.map((name) => name.slice(name.indexOf('=') + 1))),
  });
  return { bumped, http: httpModels(sweeper) };
}

const ARTICLE = ['/articles/7/**', '/articles'];
const PUT = { method: 'PUT' } as const;

/** What each client is made heard by, and a write by it. */
const hearers: Readonly<Record<string, (...https: HttpModels[]) => (url: string) => PromiseLike<unknown>>> = {
  undici: (...https) => {
    const dispatcher = new Agent().compose(https.map(({ undici }) => undici));
    return async (url) => (await request(url, { ...PUT, dispatcher })).body.text();
  },
  axios: (...https) => {
    const instance = axios.create();
    for (const http of https) http.axios(instance);
    return (url) => instance.put(url);
  },
  superagent: (...https) => {
    const agent = superagent.agent();
    for (const http of https) agent.use(http.superagent);
    return (url) => agent.put(url);
  },
  got: (...https) => {
    const extended = got.extend({ retry: { limit: 0 } }, ...https.map((http) => http.got));
    return (url) => extended.put(url);
  },
};

test.each(['undici', 'axios', 'superagent', 'got'])('%s can be heard by two sweepers', async (client) => {
  const [a, b] = [hearing(), hearing()];
  await hearers[client]?.(a.http, b.http)(`${api.origin}/articles/7`);
  expect([a.bumped, b.bumped]).toEqual([ARTICLE, ARTICLE]);
});

describe('in the place of the global fetch', () => {
  const { fetch } = globalThis;
  afterEach(() => {
    globalThis.fetch = fetch;
  });

  test('fetch calls the one that was there, and hears a request once', async () => {
    const { bumped, http } = hearing();
    globalThis.fetch = http.fetch;
    expect((await globalThis.fetch(`${api.origin}/articles/7`, PUT)).status).toBe(200);
    expect(bumped).toEqual(ARTICLE);
  });

  test('so do two of them, and one that something else was put around', async () => {
    const [a, b] = [hearing(), hearing()];
    globalThis.fetch = a.http.fetch;
    const outer = httpModels(new CacheSweeper());
    globalThis.fetch = b.http.fetch;
    const { fetch: around } = globalThis;
    globalThis.fetch = async (...request) => {
      await sleep(0);
      return around(...request);
    };
    for (const each of [globalThis.fetch, a.http.fetch, b.http.fetch, outer.fetch])
      expect((await each(`${api.origin}/articles/7`, PUT)).status).toBe(200);
    expect(a.bumped.length).toBeGreaterThanOrEqual(ARTICLE.length);
    expect(b.bumped.length).toBeGreaterThanOrEqual(ARTICLE.length);
  });

  test('one that is put there later is called, as tests and instrumentation do', async () => {
    const { bumped, http } = hearing();
    globalThis.fetch = async () => new Response('mocked');
    expect(await (await http.fetch(`${api.origin}/articles/7`, PUT)).text()).toBe('mocked');
    expect(bumped).toEqual(ARTICLE);
  });
});

test.each(clients)('$name: a path that begins with two slashes is one of its origin', async (client) => {
  const site = new ApiSite(api, client);
  await site.render(['//articles/7']);
  await site.send('PUT', `${api.origin}/articles/7`);
  expect(await site.loaded(['//articles/7'])).toHaveLength(1);
});

test.each(['axios', 'superagent', 'got'])(
  '%s: a redirect whose second answer is lost may have written both',
  async (client) => {
    const { bumped, http } = hearing();
    const send = hearers[client]?.(http) as (url: string) => PromiseLike<unknown>;
    await expect(send(`${api.origin}/articles/7?plan=away&to=/tags/3?plan=cut`)).rejects.toThrow();
    expect(new Set(bumped)).toEqual(new Set([...ARTICLE, '/tags/3/**', '/tags']));
  },
);

describe('undici', () => {
  const { retry, redirect } = interceptors;
  const retrying = () => retry({ minTimeout: 1, methods: ['PUT'], statusCodes: [503] });

  test.each([
    ['inside of', (http: HttpModels) => new Agent().compose(http.undici, retrying())],
    ['around', (http: HttpModels) => new Agent().compose(retrying(), http.undici)],
  ])('an interceptor %s one that repeats hears what may have been written', async (order, made) => {
    const { bumped, http } = hearing();
    const url = `${api.origin}/articles/7?plan=flaky&order=${order}`;
    const { statusCode, body } = await request(url, { ...PUT, dispatcher: made(http) });
    await body.dump();
    expect(statusCode).toBe(404);
    expect(bumped.slice(0, 2)).toEqual(ARTICLE);
  });

  test.each([
    ['inside of', (http: HttpModels) => new Agent().compose(http.undici, redirect({ maxRedirections: 3 }))],
    ['around', (http: HttpModels) => new Agent().compose(redirect({ maxRedirections: 3 }), http.undici)],
  ])('an interceptor %s one that redirects hears both urls', async (_, made) => {
    const { bumped, http } = hearing();
    const { body } = await request(`${api.origin}/articles/7?plan=away&to=/tags/3`, {
      ...PUT,
      dispatcher: made(http),
    });
    await body.dump();
    expect(new Set(bumped)).toEqual(new Set([...ARTICLE, '/tags/3/**', '/tags']));
  });

  test('what a handler throws it is told as an error, and the write is invalidated', async () => {
    const { bumped, http } = hearing();
    const dispatcher = new Agent().compose(http.undici);
    const fails = () => {
      throw new Error('no stream');
    };
    await expect(stream(`${api.origin}/articles/7`, { ...PUT, dispatcher }, fails)).rejects.toThrow('no stream');
    expect(bumped).toEqual(ARTICLE);
  });

  test('a request that does not tell its origin is refused, and the error says what to do', async () => {
    const { bumped, http } = hearing();
    const pool = new Pool(api.origin).compose(http.undici);
    await expect(pool.request({ path: '/articles/7', method: 'PUT' })).rejects.toMatchObject({
      code: 'CACHESWEEPER_BAD_OPTION',
      message: expect.stringContaining('Agent'),
    });
    const { body } = await pool.request({ origin: api.origin, path: '/articles/7', method: 'PUT' });
    await body.dump();
    expect(bumped).toEqual(ARTICLE);
    await pool.close();
  });
});

describe('axios', () => {
  const error = new Error('of the site');

  test.each([
    [
      'transformResponse',
      {
        transformResponse: () => {
          throw error;
        },
      },
    ],
    ['an adapter', { adapter: () => Promise.reject(error) }],
  ])('a write whose answer is lost in %s of the site is invalidated', async (_, config) => {
    const { bumped, http } = hearing();
    await expect(http.axios(axios.create()).put(`${api.origin}/articles/7`, {}, config)).rejects.toBe(error);
    expect(bumped).toEqual(ARTICLE);
  });

  test('an answer that is not transformed is given as it is', async () => {
    const { http } = hearing();
    const { data } = await http.axios(axios.create()).put(`${api.origin}/articles/7`, {}, { transformResponse: [] });
    expect(data).toBe('{}');
  });
});
