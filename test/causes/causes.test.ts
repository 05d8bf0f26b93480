import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CacheSweeperOptions, describeCause, type MissCause } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Article, Comment } from '../support/models.ts';
import { fragment, Site } from '../sweeper/site.ts';

const comment = new Comment(7);
const article = new Article(1);
const source = fragment('comment 10', '"comment"');

const sites: Site[] = [];
function siteOf(templates: string | Record<string, string>, options: CacheSweeperOptions = {}): Site {
  const site = new Site(templates, { causes: true, ...options });
  sites.push(site);
  return site;
}
afterEach(async () => {
  for (const site of sites.splice(0)) await site.sweeper.close();
  vi.unstubAllEnvs();
});

const causes = (site: Site) => site.fragments.map(({ cause }) => cause);

describe('the cause of a miss', () => {
  test('is that the fragment is new, and of a hit there is none', async () => {
    const site = siteOf(source);
    await site.render({ comment });
    expect(causes(site)).toEqual([{ why: 'new' }]);
    await site.render({ comment });
    expect(causes(site)).toEqual([undefined]);
  });

  test('is what was saved, by whom, where and when', async () => {
    const site = siteOf(source);
    await site.render({ comment });
    site.now += 1_000;
    await site.sweeper.invalidateCacheFor(comment);
    const { now } = site;
    site.now += 3_200;
    await site.render({ comment });
    const [cause] = causes(site);
    expect(cause).toEqual({
      why: 'bumped',
      name: 'Comment:=7',
      bump: {
        by: 'invalidateCacheFor',
        at: expect.stringMatching(/^test\/causes\/causes\.test\.ts:\d+$/),
        request: undefined,
        time: now,
        process: expect.stringMatching(new RegExp(`:${process.pid}$`)),
      },
    });
    expect(describeCause(cause as MissCause, site.now)).toMatch(
      /^Comment 7, invalidated 3\.2 s ago by invalidateCacheFor \(test\/causes\/causes\.test\.ts:\d+\)$/,
    );
  });

  test('tells no place where only Node has called the sweeper', async () => {
    const site = siteOf(source);
    await site.render({ comment });
    process.nextTick(site.sweeper.invalidateCacheFor, comment);
    await new Promise((resolve) => setImmediate(resolve));
    await site.render({ comment });
    expect(causes(site)).toMatchObject([{ why: 'bumped', bump: { by: 'invalidateCacheFor', at: undefined } }]);
  });

  test('names the request that was handled, without what is behind its ?', async () => {
    const site = siteOf(source);
    await site.render({ comment });
    const server = createServer(async (_request, response) => {
      await new Promise((resolve) => setImmediate(resolve));
      await site.sweeper.invalidateCacheFor(comment);
      response.end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await fetch(`http://127.0.0.1:${port}/comments/7?token=secret`, { method: 'POST' });
    server.close();
    server.closeAllConnections();
    await site.render({ comment });
    expect(causes(site)[0]?.bump?.request).toBe('POST /comments/7');
    expect(describeCause(causes(site)[0] as MissCause, site.now)).toMatch(
      /^Comment 7, invalidated 0\.0 s ago by POST \/comments\/7 \(invalidateCacheFor, /,
    );
    // Behind the request there is none.
    await site.sweeper.invalidateCacheFor(comment);
    await site.render({ comment });
    expect(causes(site)[0]?.bump?.request).toBeUndefined();
  });

  test('of what stands around is what was saved inside', async () => {
    const site = siteOf(fragment('article 0', '"outer"', fragment('comment 0', '"inner"')));
    await site.render({ article, comment });
    await site.sweeper.invalidateCacheFor(comment);
    await site.render({ article, comment });
    expect(causes(site).map((cause) => [cause?.why, cause?.name])).toEqual([
      ['bumped', 'Comment:=7'],
      ['bumped', 'Comment:=7'],
    ]);
  });

  test.each([
    ['invalidateAll', (site: Site) => site.sweeper.invalidateAll(), '*'],
    ['a class', (site: Site) => site.sweeper.invalidateCacheFor(Comment), 'Comment'],
    ['a transaction', (site: Site) => site.sweeper.transaction((t) => t.invalidateCacheFor(comment)), 'Comment:=7'],
  ])('names what %s bumped', async (_title, invalidate, name) => {
    const site = siteOf(source);
    await site.render({ comment });
    await invalidate(site);
    await site.render({ comment });
    expect(causes(site)[0]).toMatchObject({ why: 'bumped', name, bump: { at: expect.any(String) } });
  });

  test('is that its ttl is over', async () => {
    const site = siteOf(source, { early: 0 });
    await site.render({ comment });
    site.now += 10_000;
    await site.render({ comment });
    expect(causes(site)).toEqual([{ why: 'expired' }]);
  });

  test('is that it was made right after a bump, and has no ttl that could be over', async () => {
    const site = siteOf(fragment('comment 0', '"comment"'));
    await site.render({ comment });
    site.settle();
    await site.sweeper.invalidateCacheFor(comment);
    await site.render({ comment });
    site.settle();
    await site.render({ comment });
    expect(causes(site)).toEqual([{ why: 'provisional' }]);
  });

  test('is that it was made anew before its end', async () => {
    const site = siteOf('{% cachesweeper comment 10 %}{{ slow() }}{% endcachesweeper %}', { early: 1e9 });
    site.env.addGlobal('slow', () => {
      site.now += 10;
      return 'made';
    });
    await site.render({ comment });
    site.now += 9_000;
    await site.render({ comment });
    expect(causes(site)).toEqual([{ why: 'early' }]);
  });

  test('is that what it reads was another', async () => {
    const site = siteOf(`{% cachesweeper comment 10 %}{{ lang }}{% endcachesweeper %}`);
    await site.render({ comment, lang: 'en' });
    await site.render({ comment, lang: 'de' });
    expect(causes(site)).toEqual([{ why: 'reads' }]);
    await site.sweeper.invalidateCacheFor(comment);
    await site.render({ comment, lang: 'de' });
    expect(causes(site)[0]).toMatchObject({ why: 'bumped', name: 'Comment:=7' });
  });

  test('is the last of several bumps', async () => {
    const site = siteOf(source);
    await site.render({ comment });
    for (const time of [1, 2]) {
      site.now += time;
      await site.sweeper.invalidateCacheFor(comment);
    }
    const { now } = site;
    await site.render({ comment });
    expect(causes(site)[0]?.bump?.time).toBe(now);
  });
});

describe('with a store', () => {
  const pair = (script?: ConstructorParameters<typeof TestingStore>[0]) => {
    const first = new TestingStore(script);
    return [first, new TestingStore({ shared: first })].map((store) => siteOf(source, { store })) as [Site, Site];
  };
  const settle = async (...all: Site[]) => {
    for (const site of all) await site.sweeper.idle();
  };

  test('another process names the cause too', async () => {
    const [a, b] = pair();
    await a.render({ comment });
    await settle(a);
    await b.sweeper.invalidateCacheFor(comment);
    await settle(b);
    await a.render({ comment });
    await settle(a);
    expect(causes(a)[0]).toMatchObject({
      why: 'bumped',
      name: 'Comment:=7',
      bump: { by: 'invalidateCacheFor', at: expect.stringContaining('causes.test.ts') },
    });
  });

  test('it is unknown where the store has lost it, and the page is the same', async () => {
    const isCause = (key: string) => key.includes(':cause:');
    const [a, b] = pair({
      script: ({ keys }) => (keys.some(isCause) ? { outcome: 'unknown' } : undefined),
    });
    await a.render({ comment });
    await settle(a);
    await b.sweeper.invalidateCacheFor(comment);
    await settle(b);
    expect((await a.render({ comment })).ran).toEqual(['comment']);
    await settle(a);
    expect(causes(a)[0]).toEqual({ why: 'bumped', name: 'Comment:=7', bump: undefined });
  });

  test('what another version of the package wrote is not taken', async () => {
    const store = new TestingStore();
    const [a, b] = [siteOf(source, { store }), siteOf(source, { store: new TestingStore({ shared: store }) })];
    await a.render({ comment });
    await settle(a);
    store.script = ({ keys }) => ({
      ...(keys.some((key) => key.includes(':cause:')) && { corrupt: () => Buffer.from('{"by":"someone"}') }),
    });
    await b.sweeper.invalidateCacheFor(comment);
    await settle(b);
    await a.render({ comment });
    await settle(a);
    expect(causes(a)[0]?.bump).toBeUndefined();
  });
});

describe('the option causes', () => {
  test.each([
    ['production', false],
    ['test', false],
    ['development', true],
    [undefined, true],
  ])('with NODE_ENV=%s is %s', async (environment, isOn) => {
    vi.stubEnv('NODE_ENV', environment as string);
    const site = siteOf(source, { causes: undefined as never });
    await site.render({ comment });
    expect(causes(site)).toEqual([isOn ? { why: 'new' } : undefined]);
  });

  test('switched off keeps nothing and writes nothing', async () => {
    const store = new TestingStore();
    const keys: string[] = [];
    store.script = (call) => void keys.push(...call.keys);
    const site = siteOf(source, { store, causes: false });
    await site.render({ comment });
    await site.sweeper.invalidateCacheFor(comment);
    await site.render({ comment });
    await site.sweeper.idle();
    expect(site.fragments[0]).not.toHaveProperty('cause');
    expect(site.sweeper.recentBumps()).toEqual([]);
    expect(keys.filter((key) => key.includes('cause'))).toEqual([]);
  });

  test('is not in the key: with it and without it the same entries are found', async () => {
    const store = new TestingStore();
    const on = siteOf(source, { store });
    const off = siteOf(source, { store: new TestingStore({ shared: store }), causes: false });
    for (const site of [on, off]) site.now += 60_000;
    await on.render({ comment });
    on.now += 60_000;
    off.now += 60_000;
    await on.sweeper.idle();
    await on.renderSince(on.now, { comment });
    await on.sweeper.idle();
    await off.render({ comment });
    expect(off.outcomes).toEqual(['hit']);
  });

  test('refuses what is neither true nor false', () => {
    expect(() => new Site(source, { causes: 'yes' as never })).toThrow(
      expect.objectContaining({ code: 'CACHESWEEPER_BAD_OPTION' }),
    );
  });
});

test('recentBumps() lists the last 100 bumps of this process, the youngest first', async () => {
  const site = siteOf(source);
  for (let i = 0; i < 110; i++) {
    site.now += 1;
    await site.sweeper.invalidateCacheFor(new Comment(i));
  }
  const recent = site.sweeper.recentBumps();
  expect(recent).toHaveLength(100);
  expect(recent[0]).toMatchObject({ names: ['Comment:=109', 'Comment:*'], count: 2, cause: { time: site.now } });
  expect(recent.at(-1)?.names[0]).toBe('Comment:=10');
});

test.each([
  ['*', 'everything'],
  ['Comment', 'any Comment'],
  ['Comment:*', 'lists of Comment'],
  ['Comment:=7', 'Comment 7'],
  ['Comment:=a:=b', 'Comment a:=b'],
  ['Comment:@acme:=7', 'Comment 7 of acme'],
  ['Comment:@acme:*', 'lists of Comment of acme'],
  ['Comment:@*', 'lists of Comment'],
])('the name %s is spoken as "%s"', (name, spoken) => {
  const bump = { by: 'Sequelize update', at: 'a.js:1', request: 'POST /x', time: 0, process: 'host:1' };
  const said = describeCause({ why: 'bumped', name, bump }, 3_200);
  expect(said).toBe(`${spoken}, saved 3.2 s ago by POST /x (Sequelize update, a.js:1)`);
});
