import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { MemcachedStore } from './memcached/index.ts';
import { RedisStore } from './redis/index.ts';
import { sqliteStore, sqlServerStore } from './sql/from-url.ts';
import type { Store, StoreOption } from './store.ts';

const VARIABLE = 'CACHESWEEPER_STORE';
/** Matches `scheme:rest` and `scheme://rest`. */
const URL_OF_STORE = /^([a-z][a-z0-9+]*):(?:\/\/)?(.*)$/;
/** What may be shown in an error. Anything else may contain a password. */
const WORD = /^[\w-]{0,20}$/;
/** Matches a url in the place of a path. One letter before a colon is a drive. */
const URL_AS_PATH = /^[a-z][a-z0-9+.-]+:/i;

/** What a value means that is a word. */
const WORDS: Readonly<Record<string, () => StoreOption>> = {
  memory: () => undefined,
  off: () => 'off',
};

interface Scheme {
  /** Shown in the error for an unknown value; none for another name of the same. */
  readonly example: string | undefined;
  /** @param rest the url without its scheme */
  readonly open: (rest: string, url: string) => Store;
}

/** What a value means that is a url. */
const SCHEMES: Readonly<Record<string, Scheme>> = {
  memcached: {
    example: 'memcached://cache1:11211,cache2:11211',
    open: (rest) => new MemcachedStore(rest),
  },
  redis: {
    example: 'redis://host:6379',
    open: (_rest, url) => new RedisStore(url),
  },
  rediss: {
    example: 'rediss://host:6379',
    open: (_rest, url) => new RedisStore(url),
  },
  sqlite: {
    example: 'sqlite:var/cache.sqlite',
    open: (path) => sqliteStore(checkPath(path)),
  },
  postgres: postgres('postgres://user@host/database'),
  postgresql: postgres(undefined),
  mysql: {
    example: 'mysql://user@host/database',
    open: (_rest, url) => sqlServerStore('mysql2', checkServerUrl(url)),
  },
};

/**
 * Returns the store that the environment variable `CACHESWEEPER_STORE` names, so that one line of code does for development,
 * tests and production:
 *
 * - `memory`, or not set: no store; each process caches in its own memory
 * - `memcached://cache1:11211,cache2:11211`: a `MemcachedStore`
 * - `redis://host:6379`, `rediss://…`: a `RedisStore` with a connection of its own; needs redis or ioredis
 * - `sqlite:var/cache.sqlite`: a `SqlStore` in a file, for the processes of one machine; needs better-sqlite3 or libsql
 * - `postgres://…`, `mysql://…`: a `SqlStore` in the table `cachesweeper`; needs knex and pg or mysql2
 * - `off`: nothing is cached
 *
 * A store connects at its first use, and makes its table if it has one.
 *
 * @param env default: `process.env`
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when the value is none of these, or empty
 *
 * @example
 * const sweeper = new CacheSweeper({ store: storeFromEnvironment() });
 */
export function storeFromEnvironment(env: Readonly<Record<string, string | undefined>> = process.env): StoreOption {
  const value: unknown = env[VARIABLE];
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw unknownStore(describe(value));
  if (Object.hasOwn(WORDS, value)) return WORDS[value]?.();
  const [, name = '', rest = ''] = URL_OF_STORE.exec(value) ?? [];
  if (Object.hasOwn(SCHEMES, name)) return SCHEMES[name]?.open(rest, value);
  if (value !== value.trim()) throw unknownStore('white space at the beginning or the end');
  if (WORD.test(value)) throw unknownStore(describe(value));
  throw unknownStore(name === '' ? 'a text that is none of these' : `a url that begins with ${name}:`);
}

function postgres(example: string | undefined): Scheme {
  return { example, open: (_rest, url) => sqlServerStore('pg', checkServerUrl(url)) };
}

/** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION for a database that no other process could open, or another one than is meant */
function checkPath(path: string): string {
  // better-sqlite3 leaves out white space at the ends, and libsql connects to a url.
  const isPath = path !== '' && path !== ':memory:' && path === path.trim() && !URL_AS_PATH.test(path);
  if (isPath) return path;
  throw badOption(
    VARIABLE,
    'the path of a file behind sqlite:',
    WORD.test(path) || path === ':memory:' ? describe(path) : 'a text that is none',
  );
}

/**
 * Knex takes what it cannot read for the name of a file, and then connects to this machine.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION; the message does not show the url, which may contain a password
 */
function checkServerUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const { hostname = '', searchParams } = url ?? {};
  if (hostname !== '' || searchParams?.has('host') || searchParams?.has('socketPath')) return text;
  throw badOption(
    VARIABLE,
    'a url with a host: postgres://user:password@host:5432/database',
    url === undefined ? 'a text that is no url' : 'none',
    { todo: 'encode special characters of the password (encodeURIComponent)' },
  );
}

function unknownStore(got: string): Error {
  const all = [...Object.keys(WORDS), ...Object.values(SCHEMES).flatMap(({ example }) => example ?? [])];
  return badOption(VARIABLE, `one of ${all.join(', ')}`, got);
}
