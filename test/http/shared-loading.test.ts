import { AsyncResource } from 'node:async_hooks';
import got from 'got';
import { httpModels } from 'nunjucks-cachesweeper/http';
import { Agent, interceptors, request } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HttpApi } from './api.ts';
import { type Client, clients } from './clients.ts';
import { ApiSite } from './site.ts';

const api = new HttpApi();
beforeAll(() => api.start());
afterAll(() => api.stop());

const [fetching] = clients as [Client];

/** Runs one function at a time, each in the context of the one that has ended before, as simple queues do. */
class Queue {
  readonly #waiting: (() => void)[] = [];
  #isBusy = false;

  add<T>(run: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(
        () =>
          void run()
            .then(resolve, reject)
            .finally(() => this.#next(true)),
      );
      this.#next(!this.#isBusy);
    });
  }

  #next(isFree: boolean): void {
    if (!isFree) return;
    const run = this.#waiting.shift();
    this.#isBusy = run !== undefined;
    run?.();
  }
}

test('what a queue runs is a dependency of the page that has asked for it, where it is bound', async () => {
  const queue = new Queue();
  const site = new ApiSite(api, {
    ...fetching,
    make: (...made) => {
      const send = fetching.make(...made);
      return (method, url) => queue.add(AsyncResource.bind(() => send(method, url)));
    },
  });
  const paths = ['/articles/7', '/articles/8', '/tags/3'];
  await Promise.all(paths.map((path) => site.render([path])));
  expect(await site.loaded(paths)).toEqual([]);
  for (const path of paths) {
    await site.send('PUT', api.origin + path);
    expect(await site.loaded(paths)).toEqual([path]);
  }
});

test('a page that is given a stream may be finished before all is known that it depends on: it is not stored', async () => {
  const make: Client['make'] = (sweeper) => {
    const api = got.extend(httpModels(sweeper).got);
    return async (_, url) => (await api.stream(url).toArray()).join('');
  };
  const site = new ApiSite(api, { ...fetching, make });
  // Each step of a redirect is known before it is asked.
  const paths = ['/tags/3', '/x?to=/articles/7'];
  await site.render(paths);
  expect(await site.loaded(paths)).toEqual([]);
  await fetching.make(site.sweeper)('PUT', `${api.origin}/articles/7`);
  expect(await site.loaded(paths)).toEqual(['/articles/7', '/x']);
  api.groupsOf = () => ['tags'];
  await site.render(['/articles']);
  expect(await site.loaded(['/articles'])).toEqual(['/articles']);
  api.groupsOf = () => [];
});

describe('a client with a cache of its own', () => {
  const { cache } = interceptors;
  const caching: Readonly<Record<string, Client['make']>> = {
    'got with its option cache': (sweeper) => {
      const cached = got.extend(httpModels(sweeper).got, { cache: new Map() });
      return (method, url) => cached(url, { method: method as 'GET' }).text();
    },
    'undici with its interceptor before ours': (sweeper) => {
      const dispatcher = new Agent().compose(cache(), httpModels(sweeper).undici);
      return async (method, url) => (await request(url, { method: method as 'GET', dispatcher })).body.text();
    },
  };

  test.each(Object.entries(caching))('%s gives what is old, which is shown and not stored', async (_, make) => {
    const site = new ApiSite(api, { ...fetching, make });
    const writer = fetching.make(site.sweeper);
    api.maxAge = 60;
    const version = api.versionOf('/tags/3');
    await site.render(['/tags/3']);
    await writer('PUT', `${api.origin}/tags/3`);
    // The client's own cache is not the sweeper's.
    expect(await site.render(['/tags/3'])).toBe(`[/tags/3 ${version}]`);
    expect(site.sweeper.stats().tags[0]).toMatchObject({ misses: 1, uncached: { 'bumped meanwhile': 1 } });
    api.maxAge = undefined;
  });
});

test('undici’s other interceptors may stand where docs/http.md puts them', async () => {
  const { dns, cache, retry, redirect } = interceptors;
  const headers: Record<string, string> = {};
  const site = new ApiSite(api, {
    ...fetching,
    make: (sweeper) => {
      const credentials: Parameters<Agent['compose']>[0] = (dispatch) => (options, handler) =>
        dispatch({ ...options, headers: { ...options.headers, ...headers } }, handler);
      const { undici } = httpModels(sweeper);
      const dispatcher = new Agent().compose(
        dns(),
        cache(),
        undici,
        retry(),
        redirect({ maxRedirections: 3 }),
        credentials,
      );
      return async (method, url) => (await request(url, { method: method as 'GET', dispatcher })).body.text();
    },
  });
  const origin = api.origin.replace('127.0.0.1', 'localhost');
  const paths = [`/x?to=${origin}/tags/3`];
  await site.render(paths);
  expect(await site.loaded(paths)).toEqual([]);
  await fetching.make(site.sweeper)('PUT', `${origin}/tags/3`);
  expect(await site.loaded(paths)).toEqual(['/tags/3', '/x']);
  Object.assign(headers, { authorization: 'Bearer secret' });
  await site.render(['/articles']);
  expect(site.sweeper.stats().tags[0]?.uncached).toMatchObject({ credentials: 1 });
});
