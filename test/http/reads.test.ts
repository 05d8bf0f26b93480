import { setTimeout as sleep } from 'node:timers/promises';
import nunjucks from 'nunjucks';
import { CacheSweeper, type RenderReport } from 'nunjucks-cachesweeper';
import { httpModels } from 'nunjucks-cachesweeper/http';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ObjectLoader } from '../support/loaders.ts';
import { Clock } from '../waiting/support.ts';
import { HttpApi } from './api.ts';
import { type Client, clients } from './clients.ts';
import { ApiSite } from './site.ts';

const api = new HttpApi();
beforeAll(() => api.start());
afterAll(() => api.stop());
afterEach(() => {
  api.age = undefined;
  api.fails = undefined;
  api.groupsOf = () => [];
  api.before = () => {};
});

const [fetching] = clients as [Client];
const PUT = (site: ApiSite, path: string) => site.send('PUT', api.origin + path);

test.each(clients.filter(({ redirects }) => redirects))(
  '$name: a lazy depends on the url that was asked for, with any query, and on the one that answered',
  async (client) => {
    const site = new ApiSite(api, client);
    const paths = ['/tags/3?page=2&to=/articles/7'];
    expect(await site.loaded(paths)).toEqual(['/articles/7', '/tags/3']);
    expect(await site.loaded(paths)).toEqual([]);
    for (const path of ['/tags/3', '/articles/7?plan=empty']) {
      await PUT(site, path);
      // What is written in the millisecond of the request may have been written after it.
      await sleep(2);
      expect(await site.loaded(paths)).toHaveLength(2);
      expect(await site.loaded(paths)).toEqual([]);
    }
    await PUT(site, '/articles/8');
    expect(await site.loaded(paths)).toEqual([]);
  },
);

describe('what was not made now', () => {
  test('an answer of a cache in front is not stored if it may be older than the last write', async () => {
    const clock = new Clock();
    const site = new ApiSite(api, fetching, { now: clock.now });
    clock.advance(1_000_000);
    await PUT(site, '/tags');
    api.age = '60';
    // 60 s may be nearly 61 s.
    clock.advance(60_500);
    await site.render(['/tags']);
    expect(await site.loaded(['/tags'])).toEqual(['/tags']);
    clock.advance(1_000);
    await site.render(['/tags']);
    expect(await site.loaded(['/tags'])).toEqual([]);
  });

  test('an answer of less than a second ago is from a cache as well', async () => {
    const clock = new Clock();
    const site = new ApiSite(api, fetching, { now: clock.now });
    clock.advance(1_000_000);
    await PUT(site, '/tags');
    api.age = '0';
    clock.advance(500);
    await site.render(['/tags']);
    expect(await site.loaded(['/tags'])).toEqual(['/tags']);
  });

  test.each([
    ['a group', '/tags/3', '/articles/7?plan=groups'],
    ['a redirect', '/tags/3?to=/articles/7', '/articles/7'],
  ])(
    'what %s names that was met with the answer is not stored if it was written meanwhile',
    async (_, path, written) => {
      const site = new ApiSite(api, fetching);
      api.groupsOf = (read) => (read === '/tags/3' ? ['tags'] : []);
      let isFirst = true;
      api.before = async (method, at) => {
        if (method !== 'GET' || at !== '/tags/3' || !isFirst) return;
        isFirst = false;
        // The token must be younger than the request, by the millisecond.
        await sleep(2);
        await PUT(site, written);
      };
      await site.render([path]);
      expect(await site.loaded([path])).not.toEqual([]);
      expect(await site.loaded([path])).toEqual([]);
    },
  );

  test.each([
    ['no answer', 'cut'],
    ['500', '500'],
    ['408', '408'],
    ['429', '429'],
  ])('a page that shows something else in the place of %s is not stored', async (_, fails) => {
    const reports: RenderReport[] = [];
    const forgiving: Client = {
      ...fetching,
      make: (...made) => {
        const send = fetching.make(...made);
        return (method, url) => send(method, url).catch(() => '{ "version": "none" }');
      },
    };
    const site = new ApiSite(api, forgiving, { onRender: (report) => reports.push(report) });
    api.fails = fails;
    expect(await site.render(['/tags'])).toContain(fails === 'cut' ? 'none' : fails);
    expect(reports.at(-1)?.fragments).toMatchObject([{ outcome: 'uncached', reason: 'failed request' }]);
    api.fails = undefined;
    expect(await site.loaded(['/tags'])).toEqual(['/tags']);
    expect(await site.loaded(['/tags'])).toEqual([]);
  });

  test('a page is not stored whose tokens the store does not tell', async () => {
    const store = new TestingStore();
    const site = new ApiSite(api, fetching, { store, timeout: '20ms' });
    store.script = ({ kind }) => (kind === 'token' ? { outcome: 'unknown' } : undefined);
    await site.render(['/tags']);
    expect(await site.loaded(['/tags'])).toEqual(['/tags']);
  });
});

describe('cache groups', () => {
  test('are those of the origin that has answered', async () => {
    const other = await new HttpApi().start();
    other.groupsOf = () => ['tags'];
    const site = new ApiSite(api, fetching);
    const paths = [`/x?to=${other.origin}/tags/3`];
    await site.render(paths);
    expect(await site.loaded(paths)).toEqual([]);
    await PUT(site, '/articles/7?plan=groups');
    expect(await site.loaded(paths)).toEqual([]);
    await site.send('PUT', `${other.origin}/articles/7?plan=groups`);
    expect(await site.loaded(paths)).toEqual(['/x']);
    await other.stop();
  });

  test('are all known where they are many, and a page with too many is not stored', async () => {
    const site = new ApiSite(api, fetching);
    const many = (length: number) => () => [...Array.from({ length }, (_, i) => `g${i}`), 'tags'];
    api.groupsOf = many(500);
    await site.render(['/tags/3']);
    expect(await site.loaded(['/tags/3'])).toEqual([]);
    await PUT(site, '/articles/7?plan=groups');
    expect(await site.loaded(['/tags/3'])).toEqual(['/tags/3']);
    api.groupsOf = many(1_200);
    await site.render(['/tags']);
    expect(await site.loaded(['/tags'])).toEqual(['/tags']);
  });

  test('of a write that names too many, all of the origin is invalidated', async () => {
    const site = new ApiSite(api, fetching);
    await site.render(['/tags/3']);
    await PUT(site, '/articles/7?plan=many');
    expect(await site.loaded(['/tags/3'])).toEqual(['/tags/3']);
  });
});

describe('rules', () => {
  test.each([
    ['/käse/:id', '/k%C3%A4se/7'],
    ['/k%C3%A4se/:id', '/käse/7'],
    ['/two words/:id', '/two%20words/7'],
    ['/articles/:id', '/%61rticles/%37'],
    ['/articles/:id', '/articles//7/'],
    ['/articles/:id', '/Articles/x/../7'],
  ])('match a path however it is escaped: %s matches %s', async (match, path) => {
    const asked: unknown[] = [];
    const model = ({ id }: Readonly<Record<string, unknown>>) => void asked.push(id);
    await httpModels(new CacheSweeper(), [{ match: api.origin + match, model }]).written(api.origin + path);
    expect(asked).toEqual(['7']);
  });

  test('name the models that a resource shows, beside its url', async () => {
    const site = new ApiSite(api, fetching, {
      rules: [
        { match: 'http://127.0.0.1:1/articles/:id', model: () => ({ type: 'Other', id: 1 }) },
        { match: `${api.origin}/articles/:id`, model: ({ id }) => ({ type: 'Article', id }) },
        { match: `${api.origin}/articles`, model: () => 'Article' },
      ],
    });
    const paths = ['/articles', '/articles/7', '/articles/8'];
    await site.render(paths);
    await site.sweeper.invalidateCacheFor({ type: 'Article', id: 7 });
    expect(await site.loaded(paths)).toEqual(['/articles', '/articles/7']);
    const bumped: string[] = [];
    const heard = new ApiSite(api, fetching, {
      onBump: (names) => void bumped.push(...names),
      rules: [
        {
          match: `${api.origin}/articles/:id`,
          model: ({ id }) => [
            { type: 'Article', id },
            { type: 'Feed', id: 1 },
          ],
        },
      ],
    });
    await PUT(heard, '/articles/7');
    expect(bumped).toEqual(expect.arrayContaining(['Article:=7', 'Article:*', 'Feed:=1', 'Feed:*']));
  });

  test('count for the url that a request was redirected to', async () => {
    const errors: unknown[] = [];
    let fails = false;
    const model = ({ id }: Readonly<Record<string, unknown>>) => {
      if (fails) throw new TypeError('a rule failed');
      return { type: 'Article', id };
    };
    const rules = [{ match: `${api.origin}/articles/:id`, model }];
    const site = new ApiSite(api, fetching, { rules, onError: (error) => errors.push(error) });
    const paths = ['/tags/3?to=/articles/7'];
    await site.render(paths);
    expect(await site.loaded(paths)).toEqual([]);
    await site.sweeper.invalidateCacheFor({ type: 'Article', id: 7 });
    fails = true;
    await site.render(paths);
    expect(errors).toMatchObject([{ message: 'a rule failed' }]);
    expect(await site.loaded(paths)).toHaveLength(2);
  });

  test('a method that only reads is a dependency, and invalidates nothing', async () => {
    const site = new ApiSite(api, fetching, { rules: [{ match: `${api.origin}/articles/*rest`, safe: ['post'] }] });
    await site.render(['/articles/7']);
    await site.send('POST', `${api.origin}/articles/7`);
    expect(await site.loaded(['/articles/7'])).toEqual([]);
    await PUT(site, '/articles/7');
    expect(await site.loaded(['/articles/7'])).toEqual(['/articles/7']);
  });

  test('what they ignore is no dependency, and its writes invalidate nothing', async () => {
    const ignored = { match: `${api.origin}/articles/:id/views`, ignore: true };
    const site = new ApiSite(api, fetching, { rules: [ignored] });
    await site.render(['/articles/7', '/articles/7/views']);
    await PUT(site, '/articles/7/views');
    expect(await site.loaded(['/articles/7', '/articles/7/views'])).toEqual([]);
  });

  test('one that fails keeps a read from being stored, and makes a write invalidate everything', async () => {
    const errors: unknown[] = [];
    const model = () => {
      throw new TypeError('a rule failed');
    };
    const rule = { match: `${api.origin}/articles/:id`, model };
    const site = new ApiSite(api, fetching, { rules: [rule], onError: (error) => errors.push(error) });
    await site.render(['/articles/7', '/tags']);
    expect(errors).toMatchObject([{ message: 'a rule failed' }]);
    expect(await site.loaded(['/articles/7', '/tags'])).toEqual(['/articles/7']);
    await PUT(site, '/articles/7');
    expect(errors).toHaveLength(3);
    expect(await site.loaded(['/tags'])).toEqual(['/tags']);
  });
});

describe('a bump that the store does not acknowledge', () => {
  const failing = (options: object) => {
    const store = new TestingStore();
    const errors: unknown[] = [];
    const site = new ApiSite(api, fetching, { store, onError: (error) => errors.push(error), ...options });
    store.script = ({ method, kind }) =>
      method !== 'getMany' && kind === 'token' ? { outcome: 'unknown' } : undefined;
    return { site, errors };
  };

  test('is reported', async () => {
    const { site, errors } = failing({});
    await PUT(site, '/tags');
    expect(errors).toMatchObject([{ code: 'CACHESWEEPER_BUMP_FAILED' }]);
    await site.sweeper.close();
  });

  test('rejects with strict', async () => {
    const { site } = failing({ http: { strict: true } });
    await expect(PUT(site, '/tags')).rejects.toMatchObject({ code: 'CACHESWEEPER_BUMP_FAILED' });
    await site.sweeper.close();
  });
});

test('a write in a transaction counts at once, and also if that is rolled back', async () => {
  const site = new ApiSite(api, fetching);
  await site.render(['/tags']);
  const failed = site.sweeper.transaction(async () => {
    await PUT(site, '/tags');
    throw new Error('rolled back');
  });
  await expect(failed).rejects.toThrow('rolled back');
  expect(await site.loaded(['/tags'])).toEqual(['/tags']);
});

test('what is loaded to warm a page is a dependency of its fragments', async () => {
  const sweeper = new CacheSweeper();
  const template = '{% cachesweeper article 500 %}{{ article.version }}{% endcachesweeper %}';
  const env = sweeper.install(new nunjucks.Environment(new ObjectLoader({ page: template })));
  const http = httpModels(sweeper);
  class Article {
    readonly id = 7;
    readonly version = api.versionOf('/articles/7');
  }
  const context = async () => {
    await http.fetch(`${api.origin}/articles/7`);
    return { article: new Article() };
  };
  expect(await sweeper.warm([{ env, name: 'page', context }])).toMatchObject({ rendered: 1 });
  await http.fetch(`${api.origin}/articles/7`, { method: 'PUT' });
  expect(await sweeper.render(env, 'page', { article: new Article() })).toBe(`${api.versionOf('/articles/7')}`);
});

test('a closed sweeper lets clients work', async () => {
  const errors: unknown[] = [];
  const site = new ApiSite(api, fetching, { onError: (error) => errors.push(error) });
  await site.sweeper.close();
  await PUT(site, '/tags');
  expect(errors).toMatchObject([{ code: 'CACHESWEEPER_CLOSED' }]);
  expect(await site.loaded(['/tags'])).toEqual(['/tags']);
});
