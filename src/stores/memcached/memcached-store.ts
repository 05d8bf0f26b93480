import { digest } from '../../util/digest.ts';
import { checkedKey, MAX_KEY_BYTES } from '../checked-key.ts';
import { MISSING, UNKNOWN } from '../lookups.ts';
import type { Added, Kind, Lookup, Store, StoreCall, StoreItem } from '../store.ts';
import { unreachable } from '../unreachable.ts';
import { checkMemcachedOptions, type MemcachedOptions, type MemcachedSettings } from './options.ts';
import { type Batch, Remote, type RemoteStats } from './remote.ts';
import { Spread } from './spread.ts';
import { Opcode, type Packet, type Request, Status } from './wire.ts';

/** Memcached's default limit for an item is 1 MiB, which includes key and header. */
const MAX_VALUE_BYTES = 1_000_000;
/** Memcached takes a longer ttl, in seconds, for a date. */
const MAX_TTL = 30 * 24 * 60 * 60;

/** Returned by {@link MemcachedStore.stats}. */
export interface MemcachedStats {
  /** Entries that were too large, even compressed: over 1,000,000 bytes, or over the server's own limit. */
  readonly tooLarge: number;
  /** By address. */
  readonly servers: Readonly<Record<string, RemoteStats>>;
}

type WriteRequest = Request & { readonly value: Uint8Array };

/**
 * Keeps tokens and entries in Memcached (1.4 or later, binary protocol) for all processes of a site. It connects at its
 * first use. An idle store does not keep the process alive.
 *
 * @example
 * new CacheSweeper({ store: new MemcachedStore('cache1:11211,cache2:11211') });
 */
export class MemcachedStore implements Store {
  readonly #settings: MemcachedSettings;
  readonly #remotes: readonly Remote[];
  readonly #spread: Spread;
  #report: (error: unknown) => void = () => {};
  #tooLarge = 0;

  /**
   * @param options `"host:port,host:port"` or options; default: the environment variable `MEMCACHED_SERVERS`
   * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when an option has an unknown name or a wrong value
   */
  constructor(options?: string | MemcachedOptions) {
    this.#settings = checkMemcachedOptions(options);
    const { addresses, credentials } = this.#settings;
    this.#remotes = addresses.map(
      (address) =>
        new Remote(address, credentials, (error, label) => this.#report(unreachable(`Memcached ${label}`, error))),
    );
    this.#spread = new Spread(this.#remotes.map(({ label }) => label));
  }

  /** Values may be views of the receive buffer, which stays in memory with them; copy a value to keep it for long. */
  async getMany(kind: Kind, keys: readonly string[], { timeout }: StoreCall): Promise<readonly Lookup[]> {
    const requests = keys.map((key) => ({ key: storedKey(kind, key) }));
    return this.#run<Lookup>(kind, requests, { opcode: Opcode.getk, nothing: UNKNOWN, read: found, timeout });
  }

  /** Does not send values over 1,000,000 bytes, because Memcached would refuse them and delete the old value. */
  async setMany(kind: Kind, items: readonly StoreItem[], call: StoreCall): Promise<readonly boolean[]> {
    return this.#write(kind, items, call, {
      opcode: Opcode.set,
      nothing: false,
      read: ({ status }) => this.#takes(status),
      isVital: kind === 'token',
    });
  }

  async addMany(kind: Kind, items: readonly StoreItem[], call: StoreCall): Promise<readonly Added[]> {
    return this.#write<Added>(kind, items, call, {
      opcode: Opcode.add,
      nothing: 'unknown',
      read: ({ status }) => (this.#takes(status) ? 'added' : status === Status.exists ? 'exists' : 'unknown'),
    });
  }

  async close(): Promise<void> {
    for (const remote of this.#remotes) remote.close();
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
  stats(): MemcachedStats {
    return {
      tooLarge: this.#tooLarge,
      servers: Object.fromEntries(this.#remotes.map(({ label, stats }) => [label, stats])),
    };
  }

  /** Whether the server took a value. It refuses those that are larger than its own limit (`memcached -I`). */
  #takes(status: number): boolean {
    if (status === Status.tooLarge) this.#tooLarge++;
    return status === Status.ok;
  }

  async #write<T>(
    kind: Kind,
    items: readonly StoreItem[],
    { timeout }: StoreCall,
    how: Pick<Batch<T>, 'opcode' | 'nothing' | 'read'> & { readonly isVital?: boolean },
  ): Promise<readonly T[]> {
    const packed = items.map((item) => pack(kind, item));
    const sent = packed.filter(({ value }) => value.length <= MAX_VALUE_BYTES);
    this.#tooLarge += packed.length - sent.length;
    const answers = await this.#run(kind, sent, {
      ...how,
      timeout,
      isRevocable: kind === 'token',
    });
    let next = 0;
    return packed.map(({ value }) => (value.length <= MAX_VALUE_BYTES ? (answers[next++] as T) : how.nothing));
  }

  /** Sends each server its part of a batch, all at once. */
  #run<T>(
    kind: Kind,
    requests: readonly Request[],
    how: Omit<Batch<T>, 'requests' | 'isVital' | 'isRevocable'> & Partial<Batch<T>>,
  ): Promise<readonly T[]> {
    const { isVital = false, isRevocable = false } = how;
    const run = (place: number, part: readonly Request[]) =>
      (this.#remotes[place] as Remote).run({ ...how, requests: part, isVital, isRevocable });
    if (kind === 'token') return run(this.#settings.tokenServer, requests);
    if (this.#remotes.length === 1) return run(0, requests);
    const parts = this.#remotes.map(() => ({ requests: [] as Request[], places: [] as number[] }));
    requests.forEach((request, i) => {
      const part = parts[this.#spread.server(request.key)];
      part?.requests.push(request);
      part?.places.push(i);
    });
    const answers = new Array<T>(requests.length);
    const all = parts.map(async (part, place) => {
      const own = await run(place, part.requests);
      part.places.forEach((at, i) => {
        answers[at] = own[i] as T;
      });
    });
    return Promise.all(all).then(() => answers);
  }
}

function found({ status, value }: Packet): Lookup {
  if (status === Status.missing) return MISSING;
  return status === Status.ok ? { state: 'found', value } : UNKNOWN;
}

function pack(kind: Kind, { key, value, ttl }: StoreItem): WriteRequest {
  // Memcached forgets after 30 days at most. That is safe: entries carry their own expiry, and a token that is gone
  // makes no entry valid.
  // It counts seconds of a clock that ticks once a second, so that the first may be over at once.
  const expires = ttl === 0 ? 0 : Math.min(Math.max(0, Math.ceil(ttl)) + 1, MAX_TTL);
  return { key: storedKey(kind, key), value, expires };
}

/** Prefixes the key with the kind, so that a token and an entry of one key are two values. */
function storedKey(kind: Kind, key: string): string {
  const stored = `${kind === 'token' ? 't' : 'e'}:${checkedKey('MemcachedStore', key)}`;
  return stored.length <= MAX_KEY_BYTES ? stored : `${kind === 'token' ? 't' : 'e'}#${digest(key)}`;
}
