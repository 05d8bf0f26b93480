import fc from 'fast-check';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { surrogateKeys } from 'nunjucks-cachesweeper/express';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test } from 'vitest';
import { surrogateValue } from '../../src/views/http/surrogate.ts';
import { Blog } from '../frameworks/blog.ts';
import { articleRoute, sites } from './running.ts';
import { frameworks, type Route } from './sites.ts';

/** A CDN as it is described in docs/views.md: it keeps pages by their keys, and forgets those it is told to. */
class Cdn {
  readonly pages = new Map<string, ReadonlySet<string>>();

  keep(path: string, header: unknown): void {
    this.pages.set(path, new Set(String(header).split(/[ ,]/)));
  }

  purge(keys: readonly string[]): void {
    for (const [path, own] of this.pages) if (keys.some((key) => own.has(key))) this.pages.delete(path);
  }
}

describe.each(frameworks)('%s: a CDN in front', (_name, start) => {
  const cdn = new Cdn();
  const running = sites(start, () => ({ onBump: (names) => cdn.purge(surrogateKeys(names)) }));

  test.each(['Surrogate-Key', 'Cache-Tag', 'xkey'] as const)(
    '%s names what a page depends on, and onBump purges it',
    async (header) => {
      const blog = new Blog();
      const { route } = articleRoute(blog, { surrogate: header });
      const many: Route = { ...route, path: '/many/:id', options: { surrogate: { header, maxBytes: 120 } } };
      const { get, sweeper } = await running([route, many]);
      const paths = ['/articles/7', '/articles/8', '/many/7', '/many/8'];
      const fill = async () => {
        for (const path of paths) {
          const { headers } = await get(path);
          cdn.keep(path, headers[header.toLowerCase()]);
        }
        return (await get(paths[0]!)).headers[header.toLowerCase()];
      };
      const value = String(await fill());
      expect(value.split(header === 'Cache-Tag' ? ',' : ' ')).toEqual(
        expect.arrayContaining(['*', 'Article:=7', 'Comment:=71', 'Comment', '@view:=path:/articles/7']),
      );
      await sweeper.invalidateCacheFor(blog.known(7).comments[1]);
      await sweeper.idle();
      // Pages with too many names go when any row of the type changes.
      expect([...cdn.pages.keys()]).toEqual(['/articles/8']);
      await fill();
      await sweeper.expireView('/articles/8');
      await sweeper.idle();
      expect([...cdn.pages.keys()]).toContain('/articles/7');
      expect([...cdn.pages.keys()]).not.toContain('/articles/8');
      await fill();
      await sweeper.invalidateAll();
      await sweeper.idle();
      expect([...cdn.pages.keys()]).toEqual([]);
    },
  );

  test('a page that is sent before all its names are known is for no CDN, until it comes from the cache', async () => {
    const route: Route = {
      path: '/',
      options: { surrogate: 'xkey' },
      handler: (call) => {
        call.set('Content-Type', 'text/plain');
        call.parts(['a', 'b']);
      },
    };
    const { get } = await running([route]);
    expect((await get('/')).headers).toMatchObject({ 'cache-control': 'private, no-cache', 'x-cache': 'miss' });
    const { headers } = await get('/');
    expect(headers.xkey).toContain('@view:=path:/');
    expect(headers['cache-control']).toBe('no-cache');
    expect(surrogateKeys(['Comment:=7'])).toEqual(['Comment:=7', 'cachesweeper-any']);
  });
});

describe('onBump', () => {
  test('is called with names when they are acknowledged, and with lost ones when a retry has delivered them', async () => {
    const told: (readonly string[])[] = [];
    const store = new TestingStore();
    const sweeper = new CacheSweeper({ store, onBump: (names) => void told.push(names) });
    await sweeper.invalidateCacheFor({ type: 'Comment', id: 7 });
    expect(told).toEqual([['Comment:=7', 'Comment:*']]);
    store.script = ({ method }) => (method === 'setMany' ? { outcome: 'unknown' } : undefined);
    await expect(sweeper.invalidateCacheFor('Comment')).rejects.toThrow();
    expect(told).toHaveLength(1);
    store.script = undefined;
    await sweeper.idle();
    expect(told).toEqual([['Comment:=7', 'Comment:*'], ['Comment']]);
    await sweeper.close();
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('purge');
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('purge');
      },
    ],
  ])('that %s is reported and fails no bump', async (_what, onBump) => {
    const errors: unknown[] = [];
    const sweeper = new CacheSweeper({ onBump, onError: (error) => errors.push(error) });
    await sweeper.invalidateCacheFor('Comment');
    await sweeper.idle();
    expect(errors).toEqual([new Error('purge')]);
  });

  test('that hangs holds up no bump', async () => {
    const errors: unknown[] = [];
    const sweeper = new CacheSweeper({ onBump: () => new Promise(() => {}), onError: (error) => errors.push(error) });
    for (let i = 0; i < 1_001; i++) await sweeper.invalidateCacheFor('Comment');
    expect(errors).toEqual([expect.objectContaining({ message: expect.stringMatching(/not called for 1 names/) })]);
  });
});

describe('surrogate keys', () => {
  const name = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ maxLength: 400 })).map((id) => `Comment:=${id}`);

  test('are safe in a header and in a list, and bounded; every bump of a name finds its pages', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(name, { minLength: 1, maxLength: 20 }),
        fc.constantFrom('Surrogate-Key', 'Cache-Tag', 'xkey'),
        fc.integer({ min: 1, max: 2_000 }),
        (names, header, maxBytes) => {
          const all = ['*', 'Comment', ...names];
          const value = surrogateValue(all, { header, maxBytes }, true);
          expect(value).toMatch(/^[\x21-\x7e]+([ ,][\x21-\x7e]+)*$/);
          expect(value.length).toBeLessThanOrEqual(Math.max(maxBytes, 'cachesweeper-any'.length));
          const keys = new Set(value.split(header === 'Cache-Tag' ? ',' : ' '));
          for (const bumped of names) {
            const purged = surrogateKeys([bumped, 'Comment:*']);
            expect(purged.some((key) => keys.has(key))).toBe(true);
          }
        },
      ),
    );
  });
});
