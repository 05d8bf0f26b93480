import { MISSING, UNKNOWN } from '../lookups.ts';
import type { Lookup, StoreItem } from '../store.ts';
import { inBatches, seconds } from './batches.ts';
import { Channel, type ChannelStats } from './channel.ts';
import type { Connection } from './connection.ts';
import { slotOf } from './slot.ts';

/** Slots with one channel. Neighbours are mostly on one server, so that one server that is away leaves the others in use. */
const SLOTS_TOGETHER = 512;

/** What one channel has of a batch. */
interface Part<T> {
  readonly channel: Channel;
  readonly items: T[];
  readonly places: number[];
}

/** Reads and writes entries. Late commands do no harm: what an entry was made from is in it. */
export class EntryCommands {
  readonly #connection: Connection;
  readonly #channels = new Map<number, Channel>();
  readonly #prefix: string;
  readonly #onFailure: (error: Error) => void;
  #isClosed = false;

  constructor(connection: Connection, prefix: string, onFailure: (error: Error) => void) {
    this.#connection = connection;
    this.#prefix = prefix;
    this.#onFailure = onFailure;
  }

  /** The state is `failed` if that of any part is. */
  get stats(): ChannelStats {
    const all = Array.from(this.#channels.values(), ({ stats }) => stats);
    const sum = (count: 'refused' | 'dropped' | 'failures') => all.reduce((total, stats) => total + stats[count], 0);
    const isFailed = all.some(({ state }) => state === 'failed');
    return {
      state: isFailed ? 'failed' : all.length > 0 ? 'ready' : 'unused',
      refused: sum('refused'),
      dropped: sum('dropped'),
      failures: sum('failures'),
    };
  }

  /** @param timeout milliseconds */
  get(keys: readonly string[], timeout: number): Promise<readonly Lookup[]> {
    return this.#run(keys, keyOf, UNKNOWN, (channel, part, answers) => {
      const stored = part.map((key) => this.#prefix + key);
      const bytes = stored.reduce((sum, key) => sum + key.length, 0);
      return channel.run(answers, { bytes, timeout, does: 'read' }, () =>
        this.#connection.isCluster ? this.#getEach(stored, answers) : this.#getTogether(stored, answers),
      );
    });
  }

  /** @param timeout milliseconds */
  set(items: readonly StoreItem[], timeout: number): Promise<readonly boolean[]> {
    return this.#write(items, timeout, [], false, (reply) => String(reply) === 'OK');
  }

  /** @param timeout milliseconds */
  add(items: readonly StoreItem[], timeout: number): Promise<readonly ('written' | 'exists' | undefined)[]> {
    return this.#write<'written' | 'exists' | undefined>(items, timeout, ['NX'], undefined, (reply) => {
      if (reply === null) return 'exists';
      return String(reply) === 'OK' ? 'written' : undefined;
    });
  }

  close(): void {
    this.#isClosed = true;
    for (const channel of this.#channels.values()) channel.close();
  }

  #write<T>(
    items: readonly StoreItem[],
    timeout: number,
    flags: readonly string[],
    nothing: T,
    read: (reply: unknown) => T,
  ): Promise<readonly T[]> {
    return this.#run(
      items,
      ({ key }) => key,
      nothing,
      (channel, part, answers) => {
        const bytes = part.reduce((sum, { key, value }) => sum + this.#prefix.length + key.length + value.length, 0);
        return channel.run(answers, { bytes, timeout, does: 'write' }, () =>
          inBatches(
            part,
            async ([item], i) => {
              const { key, value, ttl } = item as StoreItem;
              const stored = this.#prefix + key;
              const expiry = ttl === 0 ? [] : ['EX', seconds(ttl)];
              answers[i] = read(
                await this.#connection.send(stored, 'SET', [stored, bufferOf(value), ...expiry, ...flags]),
              );
            },
            1,
          ),
        );
      },
    );
  }

  /** Hands each channel its part of a batch, all at once. */
  async #run<T, A>(
    items: readonly T[],
    keyOfItem: (item: T) => string,
    nothing: A,
    run: (channel: Channel, part: readonly T[], answers: A[]) => Promise<readonly A[]>,
  ): Promise<readonly A[]> {
    const answers = new Array<A>(items.length).fill(nothing);
    if (this.#isClosed) return answers;
    const parts = new Map<number, Part<T>>();
    items.forEach((item, i) => {
      const place = this.#connection.isCluster
        ? Math.floor(slotOf(this.#prefix + keyOfItem(item)) / SLOTS_TOGETHER)
        : 0;
      const part = parts.get(place) ?? { channel: this.#channel(place), items: [], places: [] };
      parts.set(place, part);
      part.items.push(item);
      part.places.push(i);
    });
    await Promise.all(
      Array.from(parts.values(), async ({ channel, items: part, places }) => {
        const own = await run(channel, part, new Array<A>(part.length).fill(nothing));
        places.forEach((at, i) => {
          answers[at] = own[i] as A;
        });
      }),
    );
    return answers;
  }

  #channel(place: number): Channel {
    const known = this.#channels.get(place);
    if (known !== undefined) return known;
    const channel = new Channel(this.#connection, this.#onFailure);
    this.#channels.set(place, channel);
    return channel;
  }

  #getEach(keys: readonly string[], answers: Lookup[]): Promise<void> {
    return inBatches(
      keys,
      async ([key = ''], i) => {
        answers[i] = lookup(await this.#connection.send(key, 'GET', [key]));
      },
      1,
    );
  }

  #getTogether(keys: readonly string[], answers: Lookup[]): Promise<void> {
    return inBatches(keys, async (batch, first) => {
      const values = await this.#connection.send(batch[0] as string, 'MGET', batch);
      if (!Array.isArray(values) || values.length !== batch.length)
        throw new Error('it answered MGET with something else');
      values.forEach((value, i) => {
        answers[first + i] = lookup(value);
      });
    });
  }
}

function keyOf(key: string): string {
  return key;
}

function lookup(value: unknown): Lookup {
  if (value === null || value === undefined) return MISSING;
  return Buffer.isBuffer(value) ? { state: 'found', value } : UNKNOWN;
}

function bufferOf(value: Uint8Array): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
