import { CacheSweeperError } from '../../errors.ts';
import { checkedKey } from '../checked-key.ts';
import type { Added, Kind, Lookup, Store, StoreCall, StoreItem } from '../store.ts';
import { unreachable } from '../unreachable.ts';
import { Channel, type ChannelStats } from './channel.ts';
import type { RedisClient } from './clients.ts';
import { type Connection, connectionOf } from './connection.ts';
import { EntryCommands } from './entry-commands.ts';
import { checkRedisOptions, checkUrl, type RedisOptions, type RedisSettings } from './options.ts';
import { OwnConnection } from './own-connection.ts';
import { TokenCommands } from './token-commands.ts';

/** Largest value sent, in bytes. Redis takes 512 MB, and answers nothing else meanwhile. */
const MAX_VALUE_BYTES = 16 * 1024 * 1024;

/** Returned by {@link RedisStore.stats}. */
export interface RedisStats {
  /** Entries that were too large, even compressed: over 16 MiB. */
  readonly tooLarge: number;
  readonly tokens: ChannelStats;
  readonly entries: ChannelStats;
}

/**
 * Keeps tokens and entries in Redis for all processes of a site, over a client that the site has already, or over a
 * connection of its own. A client is neither closed nor reconfigured. Do not give one that is used for subscriptions or
 * blocking commands: it answers nothing else meanwhile.
 *
 * @example
 * const client = createClient({ url: 'redis://cache1' });
 * await client.connect();
 * new CacheSweeper({ store: new RedisStore(client) });
 *
 * @example
 * new CacheSweeper({ store: new RedisStore('redis://cache1') });
 */
export class RedisStore implements Store {
  readonly #settings: RedisSettings;
  readonly #connection: Connection;
  readonly #tokenChannel: Channel;
  readonly #tokens: TokenCommands;
  readonly #entries: EntryCommands;
  #report: (error: unknown) => void = () => {};
  #tooLarge = 0;

  /**
   * @param client of redis 4 to 6 (`createClient`, `createClientPool`, `createSentinel`, `createCluster`) or of ioredis 5 or 6
   * (`Redis`, `Cluster`), or `redis://…` or `rediss://…` for a connection of the store's own
   * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when the client is something else, or an option has an unknown name
   * or a wrong value
   */
  constructor(client: RedisClient | string, options?: RedisOptions) {
    this.#settings = checkRedisOptions(options);
    const { prefix, isDurable } = this.#settings;
    const onFailure = (error: Error): void => this.#report(reported(error));
    this.#connection = typeof client === 'string' ? new OwnConnection(checkUrl(client)) : connectionOf(client);
    this.#tokenChannel = new Channel(this.#connection, onFailure);
    // The braces put all tokens into one slot of a cluster.
    this.#tokens = new TokenCommands(this.#connection, this.#tokenChannel, `{${prefix}}t:`, isDurable);
    this.#entries = new EntryCommands(this.#connection, `${prefix}:e:`, onFailure);
  }

  async getMany(kind: Kind, keys: readonly string[], { timeout }: StoreCall): Promise<readonly Lookup[]> {
    for (const key of keys) checkedKey('RedisStore', key);
    return kind === 'token' ? this.#tokens.get(keys, timeout) : this.#entries.get(keys, timeout);
  }

  /** Does not send values over 16 MiB. */
  async setMany(kind: Kind, items: readonly StoreItem[], { timeout }: StoreCall): Promise<readonly boolean[]> {
    return this.#write(items, false, async (sent) =>
      kind === 'token'
        ? (await this.#tokens.write('set', sent, timeout)).map((written) => written === 'written')
        : this.#entries.set(sent, timeout),
    );
  }

  async addMany(kind: Kind, items: readonly StoreItem[], { timeout }: StoreCall): Promise<readonly Added[]> {
    return this.#write<Added>(items, 'unknown', async (sent) => {
      const answers =
        kind === 'token' ? await this.#tokens.write('add', sent, timeout) : await this.#entries.add(sent, timeout);
      return answers.map((written) => (written === 'written' ? 'added' : (written ?? 'unknown')));
    });
  }

  /** Ends the connection if it is the store's own. */
  async close(): Promise<void> {
    this.#tokenChannel.close();
    this.#entries.close();
    this.#connection.close();
  }

  /** Entries of at least this many bytes come compressed. */
  get compressFrom(): number {
    return this.#settings.compressFrom;
  }

  /** Called by the sweeper. The store reports servers that fail to this function. */
  onError(report: (error: unknown) => void): void {
    this.#report = report;
  }

  /** Returns counts since the store was made. */
  stats(): RedisStats {
    return { tooLarge: this.#tooLarge, tokens: this.#tokenChannel.stats, entries: this.#entries.stats };
  }

  async #write<T>(
    items: readonly StoreItem[],
    nothing: T,
    write: (sent: readonly StoreItem[]) => Promise<readonly T[]>,
  ): Promise<readonly T[]> {
    for (const { key } of items) checkedKey('RedisStore', key);
    const sent = items.filter(fits);
    this.#tooLarge += items.length - sent.length;
    const answers = await write(sent);
    let next = 0;
    return items.map((item) => (fits(item) ? (answers[next++] as T) : nothing));
  }
}

function fits({ value }: StoreItem): boolean {
  return value.length <= MAX_VALUE_BYTES;
}

function reported(error: Error): CacheSweeperError {
  return error instanceof CacheSweeperError ? error : unreachable('Redis', error);
}
