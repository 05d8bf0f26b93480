import { Redis as IoRedis } from 'ioredis';
import { RedisStore } from 'nunjucks-cachesweeper/redis';
import { createClient } from 'redis';
import { createClient as create4 } from 'redis-4';
import { describe, expect, test } from 'vitest';

function failure(client: unknown, options?: unknown): { code: string; message: string } {
  try {
    new RedisStore(client as never, options as never);
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error('it was accepted');
}

const expected = 'RedisStore client: expected a client of redis 4 to 6 or of ioredis 5 or 6, or "redis://…", got';

describe('what is no client', () => {
  test.each([
    [undefined, `${expected} undefined`],
    [null, `${expected} null`],
    [42, `${expected} the number 42`],
    [{}, `${expected} an empty object`],
    [{ url: 'redis://a' }, `${expected} a plain object with url`],
    [{ sendCommand: () => {} }, `${expected} a plain object with sendCommand`],
    [() => {}, `${expected} a function`],
  ])('%j is refused, and told why', (given, message) => {
    expect(failure(given)).toMatchObject({ name: 'CacheSweeperError', code: 'CACHESWEEPER_BAD_OPTION' });
    expect(failure(given).message).toContain(message);
  });

  test("node-redis' interface with callbacks is refused", () => {
    expect(failure(createClient().legacy()).message).toContain(expected);
  });
});

describe('addresses', () => {
  test.each(['redis://a', 'redis://a:6380/2', 'rediss://user:word@a:6380', 'redis://[::1]:6379'])('%s', (url) => {
    expect(new RedisStore(url).stats().tokens.state).toBe('unused');
  });

  test.each([
    ['', 'an empty text'],
    ['a:6379', 'an address of a:'],
    ['cache', 'a text that is no address'],
    ['http://a', 'an address of http:'],
    ['redis://', 'an address of redis:'],
    ['redis://:%zz@a', 'a user or password with a % that encodes nothing'],
    ['redis://a/cache', 'an address whose path is not the number of a database'],
  ])('%j is refused, and told why', (given, got) => {
    expect(failure(given).message).toBe(
      `RedisStore: expected "redis://host:port/0" or "rediss://user:password@host:port", got ${got}`,
    );
  });

  test('no error shows a password', () => {
    for (const url of ['http://user:correct horse@a', 'user:correct-horse@a', 'redis://user:correct@horse@']) {
      expect(failure(url).message).not.toMatch(/correct|horse/);
    }
  });
});

describe('options', () => {
  const client = new IoRedis({ lazyConnect: true });

  test('an unknown one is refused, with the names of those there are', () => {
    expect(failure(client, { retries: 3 }).message).toBe(
      'RedisStore retries: expected one of prefix, compressFrom, durable, got an unknown name',
    );
    expect(failure(client, 'csw').message).toBe(
      'RedisStore options: expected an object of options, got the string "csw"',
    );
  });

  test.each(['', 'a b', '{a}', 'ä', 'x'.repeat(51), 3, null])('the prefix %j is refused', (prefix) => {
    expect(failure(client, { prefix }).message).toContain(
      'RedisStore prefix: expected 1 to 50 printable ASCII characters without spaces and braces, got',
    );
  });

  test.each([-1, 0.5, '16k', true, null])('compressFrom %j is refused', (compressFrom) => {
    expect(failure(client, { compressFrom }).message).toContain('RedisStore compressFrom: expected a whole number');
  });

  test.each([1, 'yes', null])('durable %j is refused', (durable) => {
    expect(failure(client, { durable }).message).toContain('RedisStore durable: expected true or false, got');
  });

  test("the caller's object is left alone, and may be frozen", () => {
    const given = Object.freeze({ prefix: 'site', compressFrom: false as const, durable: true });
    expect(new RedisStore(client, given).compressFrom).toBe(Number.POSITIVE_INFINITY);
    expect(new RedisStore(client).compressFrom).toBe(16_384);
  });
});

test('a store does nothing with its client until it is asked for something', () => {
  const client = new IoRedis({ lazyConnect: true });
  new RedisStore(client);
  expect(client.status).toBe('wait');
  const legacy = create4({ legacyMode: true });
  new RedisStore(legacy);
  expect(legacy.isOpen).toBe(false);
});
