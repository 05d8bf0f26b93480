import { type Store, storeFromEnvironment } from 'nunjucks-cachesweeper';
import { isDeep } from './long.ts';
import { Memcached } from './memcached.ts';
import { PostgresServer } from './postgres-server.ts';
import { Redis } from './redis.ts';
import { SqliteFile } from './sqlite-file.ts';

/** Where processes of a site keep tokens and entries: a server, started for the test that asks for it, or a file. */
export interface StoreServer {
  /** As CACHESWEEPER_STORE takes it. */
  readonly url: string;
  /** From now on it carries nothing out, and answers nothing; of a file, nothing that writes. */
  stop(): void | Promise<void>;
  /** Lets it go on. */
  continue(): void | Promise<void>;
  /** Makes it forget everything. */
  clear(): Promise<void>;
}

/** One that is a process: it can end, and start again at the same address. */
export interface RestartableServer extends StoreServer {
  readonly port: number;
  kill(signal?: NodeJS.Signals): Promise<void>;
  start(): Promise<void>;
}

/** A kind of store. What all kinds must do is tried on each of this table: a further one is one entry more. */
export interface StoreKind<Server extends StoreServer = StoreServer> {
  readonly name: string;
  start(): Promise<Server>;
  /** The same with so little memory that it has to evict, if it can. */
  startSmall?(): Promise<Server>;
}

export interface ServerKind<Server extends RestartableServer = RestartableServer> extends StoreKind<Server> {
  /** The same with the smallest backlog of connections, if that can be chosen. */
  startWithoutBacklog?(): Promise<Server>;
}

const memcached: ServerKind<Memcached> = {
  name: 'Memcached',
  // Slabs of large values take memory from each other.
  start: () => Memcached.start('-m', '512'),
  // What is used often goes as soon as the rest.
  startSmall: () => Memcached.start('-m', '2', '-o', 'no_lru_maintainer'),
  startWithoutBacklog: () => Memcached.start('-b', '1'),
};

const redis: ServerKind<Redis> = {
  name: 'Redis',
  start: () => Redis.start(),
  startSmall: () => Redis.start('--maxmemory', '3mb', '--maxmemory-policy', 'allkeys-lru'),
  startWithoutBacklog: () => Redis.start('--tcp-backlog', '1'),
};

const postgres: ServerKind<PostgresServer> = { name: 'PostgreSQL', start: () => PostgresServer.start() };

/** Those that are servers. Starting a database takes seconds, so that it is one of them in CI only. */
export const serverKinds: readonly ServerKind[] = isDeep ? [memcached, redis, postgres] : [memcached, redis];
/** Those that are files. */
export const fileKinds: readonly StoreKind[] = [{ name: 'SQLite', start: async () => new SqliteFile() }];
export const storeKinds: readonly StoreKind[] = [...serverKinds, ...fileKinds];

/** What takes long is tried on the first kind every day, and on all of them in CI. */
export function everyday<T>(kinds: readonly T[]): readonly T[] {
  return isDeep ? kinds : kinds.slice(0, 1);
}

/** A client of a server: the store that a process with this environment gets. */
export function storeAt({ url }: StoreServer): Store {
  return storeFromEnvironment({ CACHESWEEPER_STORE: url }) as Store;
}
