import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { MemcachedStore } from './memcached/index.ts';
import { RedisStore } from './redis/index.ts';
import { sqliteStore, sqlServerStore } from './sql/from-url.ts';
import type { Store, StoreOption } from './store.ts';

const VARIABLE = 'CACHESWEEPER_STORE';
/** Matches `scheme:rest` and `scheme://rest`. */
const URL_OF_STORE = /^([a-z][a-z0-9+]*):(?:\/\/)?(.*)$/;

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
    open: (_rest, url) => sqlServerStore('mysql2', url),
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
  // A url may contain a password.
  throw unknownStore(name === '' ? describe(value) : `a url that begins with ${name}:`);
}

function postgres(example: string | undefined): Scheme {
  return { example, open: (_rest, url) => sqlServerStore('pg', url) };
}

/** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION for a database that no other process could open */
function checkPath(path: string): string {
  if (path !== '' && path !== ':memory:') return path;
  throw badOption(VARIABLE, 'the path of a file behind sqlite:', describe(path));
}

function unknownStore(got: string): Error {
  const all = [...Object.keys(WORDS), ...Object.values(SCHEMES).flatMap(({ example }) => example ?? [])];
  return badOption(VARIABLE, `one of ${all.join(', ')}`, got);
}
