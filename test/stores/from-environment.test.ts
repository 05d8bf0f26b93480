import { CacheSweeper, CacheSweeperError, storeFromEnvironment } from 'nunjucks-cachesweeper';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { RedisStore } from 'nunjucks-cachesweeper/redis';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { DeferredStore } from '../../src/stores/deferred-store.ts';
import { Comment } from '../support/models.ts';
import { Site } from '../waiting/support.ts';

afterEach(() => vi.unstubAllEnvs());

const from = (value: unknown) => storeFromEnvironment({ CACHESWEEPER_STORE: value } as Record<string, string>);

function messageOf(value: unknown): string {
  try {
    from(value);
  } catch (error) {
    expect(error).toBeInstanceOf(CacheSweeperError);
    expect(error).toMatchObject({ code: 'CACHESWEEPER_BAD_OPTION' });
    return (error as Error).message;
  }
  throw new Error(`${value} is accepted`);
}

const templates = { 'page.njk': '{% cachesweeper a 500 %}{{ a.text }}{% endcachesweeper %}' };

describe('CACHESWEEPER_STORE', () => {
  test('that is not set, and "memory": each process caches in its own memory', async () => {
    expect(storeFromEnvironment({})).toBeUndefined();
    const site = new Site(templates, { store: from('memory') });
    for (let i = 0; i < 3; i++) await site.page({ a: new Comment(1, String(i)) });
    expect(site.outcomes).toEqual(['hit']);
    expect(site.sweeper.stats().store).toBeUndefined();
  });

  test('"off": every body is rendered, nothing is kept, and what is saved needs no other code', async () => {
    const site = new Site(templates, { store: from('off') });
    for (let i = 1; i <= 3; i++) {
      expect(await site.page({ a: new Comment(1, String(i)) })).toBe(String(i));
      expect(site.outcomes).toEqual(['disabled']);
      await site.sweeper.invalidateCacheFor({ type: 'Comment', id: 1 });
    }
    expect(site.sweeper.stats()).toMatchObject({ memory: { entries: 0 }, store: undefined });
    expect(site.errors).toEqual([]);
  });

  test('"off" counts beside the option enabled, which is checked all the same', async () => {
    const site = new Site(templates, { store: from('off'), enabled: () => true });
    await site.page({ a: new Comment(1, 'x') });
    expect(site.outcomes).toEqual(['disabled']);
    expect(() => new CacheSweeper({ store: 'off', enabled: 'yes' as never })).toThrow(/option enabled: expected true/);
  });

  test.each([
    ['memcached://cache1', ['cache1:11211']],
    ['memcached://cache1:11212,[::1]:11213', ['cache1:11212', '[::1]:11213']],
    ['memcached:///run/memcached.sock', ['unix:/run/memcached.sock']],
  ])('%s: a Memcached store, which connects later', (url, servers) => {
    const store = from(url) as MemcachedStore;
    expect(store).toBeInstanceOf(MemcachedStore);
    expect(Object.keys(store.stats().servers)).toEqual(servers);
  });

  test.each(['redis://cache1:6379', 'rediss://me:secret@cache1'])('%s: a Redis store, which connects later', (url) => {
    expect(from(url)).toBeInstanceOf(RedisStore);
  });

  test.each(['sqlite:cache.sqlite', 'postgres://me@host/blog', 'postgresql://me@host/blog', 'mysql://me@host/blog'])(
    '%s: a store that is opened later',
    (url) => {
      expect(from(url)).toBeInstanceOf(DeferredStore);
    },
  );

  test('is read from the environment of the process', () => {
    vi.stubEnv('CACHESWEEPER_STORE', 'memcached://cache7');
    expect(Object.keys((storeFromEnvironment() as MemcachedStore).stats().servers)).toEqual(['cache7:11211']);
  });

  test.each([
    // Taken for "not set", an empty value would give each process a cache of its own, and pages that stay old.
    ['', 'the string ""'],
    ['Memory', 'the string "Memory"'],
    ['none', 'the string "none"'],
    [' redis://:secret@host', 'white space at the beginning or the end'],
    ['postgres://me:secret@host/db\r', 'white space at the beginning or the end'],
    ['memory\n', 'white space at the beginning or the end'],
    ['POSTGRES://me:secret@host/db', 'a text that is none of these'],
    ['"redis://:secret@host"', 'a text that is none of these'],
    ['constructor', 'the string "constructor"'],
    ['constructor://x', 'a url that begins with constructor:'],
    ['mongodb://me:secret@host/db', 'a url that begins with mongodb:'],
    [7, 'the number 7'],
    [null, 'null'],
  ])('%j is an error that lists what there is, and shows no password', (value, got) => {
    const message = messageOf(value);
    expect(message).toContain(`, got ${got}`);
    expect(message).toMatch(/^CACHESWEEPER_STORE: expected one of memory, off, memcached:\/\/cache1:11211,/);
    expect(message).not.toContain('secret');
  });

  test.each(['memcached://', 'memcached://a,,b', 'memcached://a,a', 'memcached://a:99999', 'memcached://a b'])(
    'servers that are none are an error at the start: %s',
    (url) => {
      expect(messageOf(url)).toMatch(/MemcachedStore servers: expected/);
    },
  );

  test.each(['redis://', 'rediss://'])('an address that is none is an error at the start: %s', (url) => {
    expect(messageOf(url)).toMatch(/RedisStore: expected/);
  });

  test.each([
    'postgres:',
    'postgres:///db',
    'postgres://me:secret@[::1/db',
    'mysql://me:secret@host:99999/db',
    'mysql://me:secret/x@host/db',
    'mysql:///db',
  ])('a url without a host, for which a client would take this machine, is an error at the start: %s', (url) => {
    const message = messageOf(url);
    expect(message).toMatch(/^CACHESWEEPER_STORE: expected a url with a host/);
    expect(message).not.toContain('secret');
  });

  test.each(['postgres:///db?host=/run/postgresql', 'mysql:///db?socketPath=/run/mysqld.sock'])(
    'a socket stands in the place of a host: %s',
    (url) => {
      expect(from(url)).toBeInstanceOf(DeferredStore);
    },
  );

  test.each(['sqlite:', 'sqlite::memory:', 'sqlite: ', 'sqlite:cache.sqlite ', 'sqlite:http://host', 'sqlite:file:x'])(
    'a file that no other process could open, or another than is meant, is an error at the start: %s',
    (url) => {
      expect(messageOf(url)).toMatch(/^CACHESWEEPER_STORE: expected the path of a file/);
    },
  );

  test('credentials of Memcached stand in variables of their own: a url that has some is not shown', () => {
    const message = messageOf('memcached://me:secret@cache1:11211');
    expect(message).not.toContain('secret');
    expect(message).toContain('username and password');
  });
});
