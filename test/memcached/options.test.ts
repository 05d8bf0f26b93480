import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { afterEach, describe, expect, test, vi } from 'vitest';

type Given = ConstructorParameters<typeof MemcachedStore>[0];

afterEach(() => vi.unstubAllEnvs());

function failure(given: unknown): { code: string; message: string } {
  try {
    new MemcachedStore(given as Given);
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error('it was accepted');
}

const servers = (given: unknown) => Object.keys(new MemcachedStore(given as Given).stats().servers);

describe('addresses', () => {
  test.each([
    ['a', ['a:11211']],
    ['a:1,b:65535', ['a:1', 'b:65535']],
    [' cache1:11211 , cache2 ', ['cache1:11211', 'cache2:11211']],
    ['10.0.0.1:11212', ['10.0.0.1:11212']],
    ['[::1]:11212,[fe80::1]', ['[::1]:11212', '[fe80::1]:11211']],
    ['Cache-1.Example.com', ['cache-1.example.com:11211']],
    [{ servers: 'a,b' }, ['a:11211', 'b:11211']],
    [{ servers: ['a:1', 'b:2'] }, ['a:1', 'b:2']],
    [{ servers: Object.freeze(['a:1']) }, ['a:1']],
  ])('%j', (given, expected) => expect(servers(given)).toEqual(expected));

  const remedy =
    'expected "host:port", the path of a socket, or several, separated by commas ("cache1:11211,[::1]:11212"), got';
  test.each([
    ['', `MemcachedStore servers: ${remedy} the string ""`],
    ['a:1,', `MemcachedStore servers: ${remedy} the string ""`],
    ['a:0', `MemcachedStore servers: ${remedy} the string "a:0"`],
    ['a:65536', `MemcachedStore servers: ${remedy} the string "a:65536"`],
    ['a:port', `MemcachedStore servers: ${remedy} the string "a:port"`],
    ['a b:1', `MemcachedStore servers: ${remedy} the string "a b:1"`],
    ['::1', `MemcachedStore servers: ${remedy} the string "::1"`],
    ['memcached://a:1', `MemcachedStore servers: ${remedy} the string "memcached://a:1"`],
    [{ servers: [] }, `MemcachedStore servers: ${remedy} a list of 0`],
    [{ servers: [11211] }, `MemcachedStore servers: ${remedy} the number 11211`],
    [{ servers: { host: 'a' } }, `MemcachedStore servers: ${remedy} a plain object with host`],
    [{ servers: null }, `MemcachedStore servers: ${remedy} null`],
    ['a,A:11211', 'MemcachedStore servers: expected each server once, got a:11211 twice'],
    [42, 'MemcachedStore: expected "host:port,host:port" or an object of options, got the number 42'],
    [['a:1'], 'MemcachedStore: expected "host:port,host:port" or an object of options, got a list of 1'],
  ])('%j is refused, and told why', (given, message) => {
    expect(failure(given)).toMatchObject({ name: 'CacheSweeperError', code: 'CACHESWEEPER_BAD_OPTION', message });
  });

  test('without servers and without an environment the error names both', () => {
    vi.stubEnv('MEMCACHED_SERVERS', undefined);
    for (const given of [undefined, {}, { username: 'u', password: 'p' }]) {
      expect(failure(given).message).toBe(
        'MemcachedStore servers: expected "host:port,host:port", here or in the environment variable MEMCACHED_SERVERS, got undefined',
      );
    }
  });
});

describe('options', () => {
  test('an unknown one is refused, with the names of those there are', () => {
    expect(failure({ servers: 'a', retries: 3 }).message).toBe(
      'MemcachedStore retries: expected one of servers, tokenServer, username, password, compressFrom, got an unknown name',
    );
  });

  test('the token server is one of the servers', () => {
    expect(failure({ servers: 'a,b:2', tokenServer: 'c' }).message).toBe(
      'MemcachedStore tokenServer: expected one of the servers (a:11211, b:2), got the string "c"',
    );
    expect(failure({ servers: 'a', tokenServer: 1 }).message).toContain(
      'MemcachedStore tokenServer: expected "host:port"',
    );
    expect(servers({ servers: 'a,b:2', tokenServer: 'B:2' })).toEqual(['a:11211', 'b:2']);
  });

  test.each([-1, 0.5, Number.NaN, '16k', true, null])('compressFrom %j is refused', (compressFrom) => {
    expect(failure({ servers: 'a', compressFrom }).message).toContain(
      'MemcachedStore compressFrom: expected a whole number of bytes, or false, got',
    );
  });

  test("the caller's object is left alone, and may be frozen", () => {
    const given = Object.freeze({ servers: 'a:1', username: 'u', password: 'p', compressFrom: false as const });
    expect(servers(given)).toEqual(['a:1']);
  });
});

describe('the environment', () => {
  test('MEMCACHED_SERVERS is used where no servers are given, and only there', () => {
    vi.stubEnv('MEMCACHED_SERVERS', 'a:1,b:2');
    expect(servers(undefined)).toEqual(['a:1', 'b:2']);
    expect(servers({ compressFrom: false })).toEqual(['a:1', 'b:2']);
    expect(servers('c:3')).toEqual(['c:3']);
  });

  test('the error for a bad MEMCACHED_SERVERS names it', () => {
    vi.stubEnv('MEMCACHED_SERVERS', '');
    expect(failure(undefined).message).toMatch(/^MEMCACHED_SERVERS: expected "host:port".*, got the string ""$/);
  });

  test('a password without a username is refused, from the environment as well', () => {
    const message =
      'MemcachedStore username: expected a username and a password, both of them texts, got something else';
    vi.stubEnv('MEMCACHED_PASSWORD', 'from the environment');
    expect(failure('a').message).toBe(message);
    vi.stubEnv('MEMCACHED_USERNAME', 'someone');
    expect(servers('a')).toEqual(['a:11211']);
    expect(servers({ servers: 'a', username: 'another' })).toEqual(['a:11211']);
  });
});

test('no error shows a password', () => {
  const password = 'correct horse';
  const careless: unknown[] = [
    `user:${password}@cache1:11211`,
    { servers: [`user:${password}@cache1:11211`] },
    { servers: 'a', tokenServer: `user:${password}@a` },
    { servers: 'a', username: 'user', password: [password] },
    { servers: 'a', username: ['user'], password },
    { servers: 'a', username: '', password },
    { servers: 'a', password },
    { servers: 'a', passwort: password },
    { servers: 'a,,', username: 'user', password },
  ];
  for (const given of careless) expect(failure(given).message).not.toContain(password);
  expect(failure(careless[0]).message).toBe(
    'MemcachedStore servers: expected "host:port", got credentials in front of it; give them as username and password',
  );
});
