import { hostname } from 'node:os';
import nunjucks from 'nunjucks';
import { CacheSweeper, type CacheSweeperOptions } from 'nunjucks-cachesweeper';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Redis } from '../support/redis.ts';
import { type StoreServer, storeAt, storeKinds } from '../support/store-servers.ts';
import { bin } from './bin.ts';
import { cli } from './support.ts';

/** Nothing listens there. */
const NOWHERE = 'memcached://127.0.0.1:1';

/** A site of this process: a page with a fragment of a comment, and one of all comments. */
function site(server: StoreServer, options: CacheSweeperOptions = {}) {
  const sweeper = new CacheSweeper({
    store: storeAt(server),
    onError: () => {},
    timeout: '3s',
    maxDataAge: '60s',
    ...options,
  });
  const env = sweeper.install(new nunjucks.Environment(null));
  let renders = 0;
  env.addGlobal('count', () => ++renders);
  const page =
    '{% cachesweeper comment 500 type="Comment" %}{{ count() }}{% endcachesweeper %} {% cachesweeper "Comment" 500 %}{{ count() }}{% endcachesweeper %}';
  const template = nunjucks.compile(page, env as never);
  const show = (id: number) =>
    new Promise<string>((resolve, reject) => {
      template.render({ comment: { id } }, (error, html) => (error ? reject(error) : resolve(html ?? '')));
    });
  /** Shows a page until it is a hit: where the machine is busy, the first ones may not be stored. */
  const cached = async (id: number) => {
    for (let last = await show(id), tries = 0; ; tries++) {
      await sweeper.idle();
      const html = await show(id);
      if (html === last) return html;
      expect(tries).toBeLessThan(20);
      last = html;
    }
  };
  return { show, cached, sweeper };
}

describe.each(storeKinds)('with $name', (kind) => {
  let server: StoreServer;
  beforeAll(async () => {
    server = await kind.start();
  });
  afterAll(() => server.clear());

  test('invalidate makes a page of another process fresh, and leaves others', async () => {
    const { show, cached, sweeper } = site(server);
    const [seven, eight] = [await cached(7), await cached(8)];
    const { code, out, err } = await bin(['invalidate', 'Comment', '7'], { CACHESWEEPER_STORE: server.url });
    expect([code, out, err]).toEqual([0, 'invalidated Comment:=7, Comment:*\n', '']);
    const [row, list] = (await show(7)).split(' ');
    expect(row).not.toBe(seven.split(' ')[0]);
    expect(list).not.toBe(seven.split(' ')[1]);
    expect((await show(8)).split(' ')[0]).toBe(eight.split(' ')[0]);
    await sweeper.close();
  });

  test('inspect tells since when fragments of a row are served, and makes no token', async () => {
    await server.clear();
    const store = ['--store', server.url];
    const { out: nothing } = await cli(['inspect', 'Comment:7', ...store]);
    expect(nothing.match(/no token: nothing that depends on it is in use/g)).toHaveLength(4);
    expect((await cli(['inspect', 'Comment:7', ...store])).out).toBe(nothing);

    const { cached, sweeper } = site(server);
    await cached(7);
    const before = Date.now();
    await cli(['invalidate', 'Comment:7', ...store]);
    const { code, out } = await cli(['inspect', 'Comment', '7', ...store, '--json']);
    expect(code).toBe(0);
    const reads: { name: string; state: string; since: string }[] = JSON.parse(out);
    const since = new Map(reads.map((read) => [read.name, Date.parse(read.since)]));
    expect([...since.keys()]).toEqual(['*', 'Comment', 'Comment:=7', 'Comment:*']);
    for (const name of ['*', 'Comment']) expect(since.get(name)).toBeLessThanOrEqual(before);
    for (const name of ['Comment:=7', 'Comment:*']) expect(since.get(name)).toBeGreaterThanOrEqual(before);
    const { out: text } = await cli(['inspect', 'Comment:=7', ...store]);
    const cause = `by invalidateCacheFor( \\(.+\\))?, in process ${hostname()}:${process.pid}`;
    expect(text).toMatch(new RegExp(`^Comment 7, invalidated [\\d.]+ s ago ${cause}$`, 'm'));
    expect(text).toContain(
      `fragments of it that were made before ${new Date(since.get('Comment:=7') as number).toISOString()} are not served`,
    );
    await sweeper.close();
  });

  test('a type and everything are invalidated as well', async () => {
    const { show, cached, sweeper } = site(server);
    for (const argv of [['Comment'], ['--all']]) {
      const before = await cached(7);
      const { code, out } = await cli(['invalidate', ...argv, '--store', server.url]);
      expect([code, out]).toEqual([0, `invalidated ${argv[0] === '--all' ? '*' : 'Comment'}\n`]);
      const after = (await show(7)).split(' ');
      for (const [i, part] of before.split(' ').entries()) expect(after[i]).not.toBe(part);
    }
    await sweeper.close();
  });

  test('a type that no page has shown is doubted: the site may call it otherwise', async () => {
    const { show, cached, sweeper } = site(server);
    const before = await cached(7);
    for (const argv of [['comment', '7'], ['comments']]) {
      const { code, out, err } = await cli(['invalidate', ...argv, '--store', server.url]);
      expect([code, out]).toEqual([1, expect.stringMatching(/^invalidated comment/)]);
      expect(err).toContain(`nothing in this store depends on the type ${argv[0]}: if the site calls it otherwise`);
    }
    expect(await show(7)).toBe(before);
    const { out } = await cli(['inspect', 'comment', '7', '--store', server.url]);
    expect(out).toMatch(/\nno fragment of it is in use\n$/);
    await sweeper.close();
  });

  test('a namespace, a version, a tenant and a secret are those of the site', async () => {
    const secret = 'a secret of the site';
    const { show, cached, sweeper } = site(server, { namespace: 'shop', version: 3, secret });
    const env = { CACHESWEEPER_SECRET: secret, CACHESWEEPER_STORE: server.url };
    const same = ['--namespace', 'shop', '--key-version', '3'];
    await server.clear();
    const before = await cached(7);
    for (const argv of [
      ['--namespace', 'shop'],
      ['--key-version', '3'],
    ]) {
      const { code, err } = await cli(['invalidate', 'Comment:7', ...argv], { env });
      expect(code).toBe(1);
      expect(err).toContain('if the site has others, or its tokens on another server, nothing was invalidated there');
    }
    expect(await show(7)).toBe(before);
    const unsealed = await cli(['invalidate', 'Comment:8', ...same], { env: { CACHESWEEPER_STORE: server.url } });
    expect(unsealed.code).toBe(1);
    expect(unsealed.err).toContain('sealed with another secret: say that of the site with CACHESWEEPER_SECRET');
    expect(await cli(['invalidate', 'Comment:7', ...same], { env })).toMatchObject({ code: 0, err: '' });
    expect((await cli(['inspect', 'Comment:7', ...same], { env })).code).toBe(0);
    expect(await show(7)).not.toBe(before);
    const { out: names } = await cli(['invalidate', 'Comment:7', '--tenant', 'acme', ...same], { env });
    expect(names).toContain('Comment:@acme:=7, Comment:@acme:*, Comment:=7, Comment:@*');
    const other = await cli(['inspect', 'Comment:7', ...same], { env: { CACHESWEEPER_STORE: server.url } });
    expect(other.out).toContain('damaged: sealed with another secret (CACHESWEEPER_SECRET)');
    expect(other.code).toBe(1);
    await sweeper.close();
  });

  test('stats tells that it answers, and how fast', async () => {
    const { code, out } = await cli(['stats', '--store', server.url, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      tokens: 'reachable',
      entries: 'reachable',
      latency: { median: expect.any(Number), worst: expect.any(Number) },
      versions: { package: '1.2.3', node: process.version, key: 1 },
    });
    const { out: text } = await cli(['stats', '--store', server.url]);
    expect(text).toMatch(/^tokens reachable, entries reachable\na token in [\d.]+ ms, at worst [\d.]+ ms; /);
    expect(text).toMatch(/^\S+ +ready +0 +0 +0$/m);
  });
});

describe('a store that cannot be asked', () => {
  const store = ['--store', NOWHERE];

  test('is found by stats', async () => {
    const { code, out } = await cli(['stats', ...store]);
    expect(out).toMatch(/^tokens unreachable, entries unreachable\nMemcached 127\.0\.0\.1:1 .*ECONNREFUSED/);
    expect(out).toMatch(/^127\.0\.0\.1:1 +failed/m);
    expect(code).toBe(1);
  });

  test('is an error of inspect', async () => {
    const { code, out, err } = await cli(['inspect', 'Comment:7', ...store]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(/^error CACHESWEEPER_STORE_UNREACHABLE: the store could not be asked: .*ECONNREFUSED/);
  });

  test('is an error of invalidate', async () => {
    const { code, out, err } = await cli(['invalidate', 'Comment:7', ...store]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(/^error CACHESWEEPER_STORE_UNREACHABLE: the store could not be asked: .*ECONNREFUSED/);
  });

  test('or takes no writes, is an error of invalidate, which says that nothing is certain', async () => {
    const server = await Redis.start('--min-replicas-to-write', '1');
    const { code, out, err } = await cli(['invalidate', 'Comment:7', '--store', server.url]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(
      /^error CACHESWEEPER_BUMP_FAILED: .*Comment:=7, Comment:\*.*NOREPLICAS.*run the command again\n$/,
    );
  });
});

test.each([
  [['inspect', 'Comment:7'], 'got none; the memory of another process cannot be reached'],
  [['stats', '--store', 'memory'], 'got memory; the memory of another process cannot be reached'],
  [['invalidate', 'Comment:7', '--store', 'off'], 'got off; with "off" nothing is cached'],
  [['stats', '--store', 'memcache://a'], 'got a url that begins with memcache:'],
  [['stats', '--store', 'sqlite:nowhere.sqlite'], 'expected the file that the site uses, got one that is not there'],
  [['stats', '--store', NOWHERE, '--key-version', 'two'], '--key-version: expected a whole number, got two'],
  [['stats', '--store', NOWHERE, '--namespace', 'a b'], 'option namespace: expected up to 64 letters'],
  [['invalidate', '--store', NOWHERE], 'invalidate: expected a model (Comment 7) or --all, got neither'],
  [['invalidate', 'Comment', '--all', '--store', NOWHERE], 'expected a model (Comment 7) or --all, got both'],
  [['inspect', 'Comment', '--tenant', 'a', '--store', NOWHERE], '--tenant: expected the tenant of a row'],
  [['invalidate', '--all', '--tenant', 'a', '--store', NOWHERE], 'got --all, which is everything of all tenants'],
  [
    ['invalidate', 'Comment', '', '--store', NOWHERE],
    'a type and an id: Comment, Comment:7 or Comment 7, got Comment ""',
  ],
  [['invalidate', 'Comment:@bob', '--store', NOWHERE], 'an id that begins like this stands apart: Comment "@7"'],
  [['invalidate', ':7', '--store', NOWHERE], 'the model: expected a type, or a type and an id'],
  [['invalidate', 'Comment:', '--store', NOWHERE], 'the model: expected a type, or a type and an id'],
  [['invalidate', 'Comment:*', '--store', NOWHERE], 'the model: expected a type, or a type and an id'],
])('%j is refused, and why', async (argv, message) => {
  const { code, out, err } = await cli(argv);
  expect([code, out]).toEqual([2, '']);
  expect(err).toContain('error CACHESWEEPER_BAD_OPTION: ');
  expect(err).toContain(message);
});
