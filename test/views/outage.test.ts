import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { CacheSweeperOptions, Lookup } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test, vi } from 'vitest';
import { answerFor, OUTAGE_HIT } from '../../src/views/http/last-word.ts';
import { Blog } from '../frameworks/blog.ts';
import { Clock, SETTLED } from '../waiting/support.ts';
import { articleRoute, sites } from './running.ts';
import { allFrameworks, type Handler } from './sites.ts';

/** All that lets somebody keep an answer, or ask whether it is still the same. */
const FOR_CACHES = ['etag', 'last-modified', 'expires', 'surrogate-key', 'surrogate-control', 'cdn-cache-control'];

type Answer = Awaited<ReturnType<Awaited<ReturnType<ReturnType<typeof sites>>>['get']>>;

function expectUnkept({ status, headers }: Answer): void {
  expect([status, headers['cache-control']]).toEqual([200, 'no-store']);
  expect(Object.keys(headers).filter((name) => FOR_CACHES.includes(name))).toEqual([]);
}

/** Lets proxies and browsers keep the page. */
const generous =
  (handler: Handler): Handler =>
  (call) => {
    call.set('Cache-Control', 'public, max-age=600');
    call.set('CDN-Cache-Control', 'max-age=600');
    call.set('Expires', new Date(Date.now() + 600_000).toUTCString());
    call.set('Last-Modified', new Date(0).toUTCString());
    return handler(call);
  };

test('where others own writeHead, so that they may add a cookie, nobody may keep the answer either', () => {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  const { writeHead } = response;
  response.writeHead = function own(this: ServerResponse, ...args: Parameters<typeof writeHead>) {
    return writeHead.apply(this, args);
  } as typeof writeHead;
  response.setHeader('Cache-Control', 'public, max-age=600');
  response.setHeader('ETag', '"a"');
  answerFor(response, OUTAGE_HIT);
  response.writeHead(200);
  expect(response.getHeaders()).toMatchObject({ 'cache-control': 'no-store' });
  expect(response.hasHeader('etag')).toBe(false);
});

/** How many entries a store has, leases apart. */
const entriesIn = (store: TestingStore) => store.keys('entry').filter((key) => !key.includes(':lease:')).length;

describe.each(allFrameworks)('%s: in an outage of the store', (_name, start) => {
  const running = sites(start, () => ({}));

  /** An article's site, whose view is in memory, and which read its tokens just now. */
  async function warmSite(outage = '30s', options: CacheSweeperOptions = {}) {
    const [clock, store, blog] = [new Clock(), new TestingStore(), new Blog()];
    const { route, ran } = articleRoute(blog, { surrogate: 'Surrogate-Key' });
    const site = await running(
      [{ ...route, handler: generous(route.handler) }],
      {},
      {
        store,
        now: clock.now,
        maxDataAge: '3s',
        outage,
        ...options,
      },
    );
    const ask = (headers: Record<string, string> = {}) => site.get('/articles/7', headers);
    for (let i = 0; i < 3; i++) {
      await ask();
      clock.advance(SETTLED);
    }
    const warm = await ask();
    expect(warm).toMatchObject({ cache: 'hit', headers: { 'cache-control': 'public, max-age=600' } });
    expect(Object.keys(warm.headers)).toEqual(expect.arrayContaining(['etag', 'last-modified', 'surrogate-key']));
    ran.length = 0;
    const { comments } = blog.known(7);
    comments[0]!.text = 'Edited';
    return { ...site, ask, clock, store, ran, etag: String(warm.headers.etag), comment: comments[0]! };
  }

  /** The token of one name cannot be read. */
  function silence(store: TestingStore, end: string): void {
    const getMany = store.getMany.bind(store);
    vi.spyOn(store, 'getMany').mockImplementation(async (kind, keys, call) => {
      const answers = await getMany(kind, keys, call);
      const unknown: Lookup = { state: 'unknown' };
      return answers.map((answer, i) => (keys[i]?.endsWith(end) ? unknown : answer));
    });
  }

  test('a view is served as a whole, and nobody may keep it', async () => {
    const { ask, clock, store, ran, etag, reports, sweeper } = await warmSite();
    store.script = () => ({ outcome: 'unknown' });
    for (const headers of [{}, { 'If-None-Match': etag }, { 'If-Modified-Since': new Date().toUTCString() }]) {
      const answer = await ask(headers);
      expectUnkept(answer);
      expect([answer.cache, answer.text]).toEqual(['hit', expect.stringContaining('Comment 1 on 7')]);
      expect(reports.at(-1)).toMatchObject({ outcome: 'hit', reason: 'outage' });
    }
    expect(ran).toEqual([]);
    const view = sweeper.stats().tags.find(({ template }) => template === 'view article');
    expect(view).toMatchObject({ outageHits: 3 });
    clock.advance(30_001);
    const late = await ask();
    expect([late.cache, late.text]).toEqual(['miss (unknown token)', expect.stringContaining('Edited')]);
    store.script = undefined;
    // The handler’s own headers are back, and the validator.
    expect(await ask({ 'If-None-Match': etag })).toMatchObject({ status: 304, cache: 'hit' });
  });

  test('without the option it is rendered', async () => {
    const { ask, store, ran } = await warmSite('0s');
    store.script = () => ({ outcome: 'unknown' });
    expect(await ask()).toMatchObject({ cache: 'miss (unknown token)', text: expect.stringContaining('Edited') });
    expect(ran).toEqual(['7']);
  });

  test('what only the store has is not served', async () => {
    const { ask, store, ran } = await warmSite('30s', { memory: false });
    silence(store, ':Comment:=71');
    expect(await ask()).toMatchObject({ text: expect.stringContaining('Edited') });
    expect(ran).toEqual(['7']);
  });

  test('a view that this process has expired, or whose row it has invalidated, is rendered', async () => {
    for (const change of ['view', 'row']) {
      const { ask, store, sweeper, comment } = await warmSite();
      if (change === 'view') await sweeper.expireView('/articles/7');
      else await sweeper.invalidateCacheFor(comment);
      store.script = () => ({ outcome: 'unknown' });
      const answer = await ask();
      expect(answer.cache).toBe('miss (unknown token)');
      if (change === 'row') expect(answer.text).toContain('Edited');
      store.script = undefined;
    }
  });

  test('a page that is rendered with such a fragment in it is not stored, and nobody may keep it', async () => {
    const { ask, store, ran, sweeper, reports } = await warmSite();
    // The view is gone, and its fragments are there.
    await sweeper.expireView('/articles/7');
    const before = entriesIn(store);
    silence(store, ':Comment:=71');
    for (const _ of [1, 2]) {
      const answer = await ask();
      expectUnkept(answer);
      expect([answer.cache, answer.text]).toEqual(['miss (outage)', expect.stringContaining('Comment 1 on 7')]);
      expect(reports.at(-1)).toMatchObject({ outcome: 'miss', reason: 'outage' });
    }
    const etag = `"${'a'.repeat(27)}"`;
    expectUnkept(await ask({ 'If-None-Match': etag }));
    expectUnkept(await ask({ 'If-None-Match': '*' }));
    expect(ran).toHaveLength(4);
    expect(entriesIn(store)).toBe(before);
    vi.restoreAllMocks();
    expect(await ask()).toMatchObject({ headers: { 'cache-control': 'public, max-age=600' } });
    expect((await ask()).cache).toBe('hit');
  });

  test('a hole that shows such a fragment keeps its page from all caches', async () => {
    const [clock, store] = [new Clock(), new TestingStore()];
    const site = await running(
      [
        {
          path: '/',
          handler: (call) => call.render('holes/comment.njk', { title: 'Title', comment: { id: 71 } }),
          options: { holes: () => ({ user: { name: 'Ann' } }) },
        },
      ],
      {},
      { store, now: clock.now, maxDataAge: '3s', outage: '30s', private: [] },
    );
    for (let i = 0; i < 3; i++) {
      await site.get('/');
      clock.advance(SETTLED);
    }
    const warm = await site.get('/');
    expect([warm.cache, typeof warm.headers.etag]).toEqual(['hit', 'string']);
    await site.get('/');
    silence(store, ':Comment:=71');
    const answer = await site.get('/', { 'If-None-Match': String(warm.headers.etag) });
    expect([answer.cache, answer.text]).toEqual(['hit', warm.text]);
    expectUnkept(answer);
  });
});
