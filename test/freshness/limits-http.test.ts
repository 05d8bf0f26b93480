import { lazy } from 'nunjucks-cachesweeper';
import { httpModels } from 'nunjucks-cachesweeper/http';
import { afterEach, expect, test, vi } from 'vitest';
import { UNCERTAIN } from '../../src/invalidation/uncertain-writes.ts';
import { Clock, SETTLED, Site } from '../waiting/support.ts';

/** A way in which something old can still be served; docs/reliability.md has a row for each. */
const way = test;

afterEach(() => void vi.useRealTimers());

const URL_OF_ALL = 'https://api.example/articles/1';

/** An API with one article, and a site that shows it. What the API has carried out it may show later. */
class Api {
  title = 'v1';
  shown = 'v1';
  readonly clock = new Clock();
  readonly site = new Site(
    {
      'page.njk': '{% cachesweeper "Article" 60 %}{{ load() }}{% endcachesweeper %}',
      'other.njk': '{% cachesweeper "Other" 60 %}{{ load() }}{% endcachesweeper %}',
    },
    { now: this.clock.now },
  );
  answer = (): Response | Promise<Response> => new Response();
  readonly fetch = httpModels(this.site.sweeper, [], {
    fetch: async (_, init) => (init?.method === undefined ? new Response(this.shown) : this.answer()),
  }).fetch;

  constructor() {
    this.clock.advance(SETTLED);
  }

  write(title: string): void {
    this.title = title;
    this.shown = title;
  }

  put(): Promise<unknown> {
    return this.fetch(URL_OF_ALL, { method: 'PUT' }).catch(() => {});
  }

  page(): Promise<string> {
    return this.site.page({ load: lazy(this.load) });
  }

  readonly load = async (): Promise<string> => (await this.fetch(URL_OF_ALL)).text();

  /** Shows that a page has what is old until its ttl has passed. */
  async isOldUntilTtl(old: string, ttl = 60_000): Promise<void> {
    this.clock.advance(ttl - 1);
    expect(await this.page()).toBe(old);
    this.clock.advance(1);
    expect(await this.page()).toBe(this.title);
  }
}

way('what another program writes to an API is not seen before the ttl has passed', async () => {
  const api = new Api();
  await api.page();
  api.write('v2');
  await api.isOldUntilTtl('v1');
});

way('a write without an answer that an API carries out more than 20 s later', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const api = new Api();
  api.answer = () => Promise.reject(new TypeError('lost'));
  await api.put();
  api.clock.advance(SETTLED);
  await api.page();
  // Until then it is seen, because it is bumped again.
  api.write('v2');
  await vi.advanceTimersByTimeAsync(2 * UNCERTAIN);
  api.clock.advance(SETTLED);
  expect(await api.page()).toBe('v2');
  api.write('v3');
  await vi.advanceTimersByTimeAsync(2 * UNCERTAIN);
  await api.isOldUntilTtl('v2');
});

way('an API whose reads show a write later than it has acknowledged it', async () => {
  const api = new Api();
  api.answer = () => {
    api.title = 'v2';
    return new Response();
  };
  await api.put();
  api.clock.advance(SETTLED);
  expect(await api.page()).toBe('v1');
  api.shown = 'v2';
  await api.isOldUntilTtl('v1');
});

way('what is loaded for one page and shown by another, which does not depend on it', async () => {
  const api = new Api();
  let kept: Promise<string> | undefined;
  const once = () => {
    kept ??= api.load();
    return kept;
  };
  const page = (name: string) => api.site.page({ load: lazy(once) }, name);
  expect([await page('page.njk'), await page('other.njk')]).toEqual(['v1', 'v1']);
  api.write('v2');
  await api.put();
  kept = undefined;
  expect([await page('page.njk'), await page('other.njk')]).toEqual(['v2', 'v1']);
  api.clock.advance(60_000);
  expect(await page('other.njk')).toBe('v2');
});
