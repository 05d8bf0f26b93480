import { CacheSweeperError } from '../../errors.ts';
import { MISSING, UNKNOWN } from '../lookups.ts';
import type { Lookup, StoreItem } from '../store.ts';
import { inBatches, seconds } from './batches.ts';
import type { Channel } from './channel.ts';
import type { Argument } from './clients.ts';
import type { Connection } from './connection.ts';
import { CHECKED_SCRIPTS, DURABLE_SCRIPTS, ID_LENGTH, NO_INFO, type TokenScripts } from './token-scripts.ts';

/** How often a write is sent that the server has refused without carrying anything out. */
const MAX_TRIES = 3;

/** How long the offset between two clocks counts, in milliseconds: they drift, and may be set. */
const OFFSET_LIFE = 60_000;

/** The master that has answered last. */
interface Master {
  /** Its replication id, which is new after every restart and every promotion. */
  readonly id: string;
  /** What has to be added to `performance.now()` to get its clock, in milliseconds; too little by at most a round trip. */
  readonly offset: number;
  /** When it has answered, by `performance.now()`. */
  readonly at: number;
}

/** What a script answers. */
interface Reply {
  readonly master: Master;
  readonly values: readonly unknown[] | undefined;
}

/** A token that was written, one that is there already, or undefined if neither is known. */
export type Written = 'written' | 'exists' | undefined;

/**
 * Reads and writes tokens. Redis loses acknowledged writes when a replica takes over, and clients carry out late what they
 * have queued or send again. Therefore a token is stored behind the replication id of the master that took it, and counts
 * only for that one; and a write is carried out only by the master that it was meant for, before a deadline on that
 * server's clock.
 *
 * The deadline is the caller's: the server's time when it last answered, and what is left then. The answer's way back is
 * part of the offset, so the deadline comes early by at most that time, and never late.
 */
export class TokenCommands {
  readonly #connection: Connection;
  readonly #channel: Channel;
  readonly #scripts: TokenScripts;
  readonly #prefix: string;
  #master: Master | undefined;

  /**
   * @param prefix of keys; its hash tag puts all of them into one slot
   * @param isDurable whether the server loses no acknowledged write
   */
  constructor(connection: Connection, channel: Channel, prefix: string, isDurable: boolean) {
    this.#connection = connection;
    this.#channel = channel;
    this.#prefix = prefix;
    this.#scripts = isDurable ? DURABLE_SCRIPTS : CHECKED_SCRIPTS;
  }

  /** @param timeout milliseconds */
  get(keys: readonly string[], timeout: number): Promise<readonly Lookup[]> {
    const answers = new Array<Lookup>(keys.length).fill(UNKNOWN);
    const bytes = keys.reduce((sum, key) => sum + this.#prefix.length + key.length, 0);
    return this.#channel.run(answers, { bytes, timeout, does: 'read' }, () =>
      inBatches(keys, async (batch, first) => {
        const { master, values } = await this.#read(batch);
        values?.forEach((value, i) => {
          answers[first + i] = tokenUnder(master.id, value);
        });
      }),
    );
  }

  /**
   * @param how `add` leaves a token that is there, unless it was written under another replication id
   * @param timeout milliseconds
   */
  write(how: 'set' | 'add', items: readonly StoreItem[], timeout: number): Promise<readonly Written[]> {
    const answers = new Array<Written>(items.length).fill(undefined);
    const bytes = items.reduce((sum, { key, value }) => sum + this.#prefix.length + key.length + value.length, 0);
    return this.#channel.run(answers, { bytes, timeout, does: 'write', isVital: how === 'set' }, (until) =>
      inBatches(items, async (batch, first) => {
        const values = await this.#writeUntil(how, batch, until);
        values.forEach((value, i) => {
          answers[first + i] = Number(value) === 1 ? 'written' : 'exists';
        });
      }),
    );
  }

  async #writeUntil(how: 'set' | 'add', items: readonly StoreItem[], until: number): Promise<readonly unknown[]> {
    const keys = items.map(({ key }) => this.#prefix + key);
    for (let tries = 0; tries < MAX_TRIES && performance.now() < until; tries++) {
      // A key that nobody has: only the master is asked for.
      const { id, offset } = this.#known ?? (await this.#read([''])).master;
      if (performance.now() >= until) break;
      const deadline = String(Math.floor(offset + until));
      const values = items.flatMap(({ value, ttl }) => [tokenBytes(id, value), seconds(ttl)]);
      const reply = await this.#run('write', keys, [id, deadline, how, ...values]);
      if (reply.values !== undefined) return reply.values;
      // Another master, or its clock has gone on: the answer has told, and nothing was written.
    }
    return [];
  }

  get #known(): Master | undefined {
    return this.#master !== undefined && performance.now() - this.#master.at < OFFSET_LIFE ? this.#master : undefined;
  }

  #read(keys: readonly string[]): Promise<Reply> {
    return this.#run(
      'read',
      keys.map((key) => this.#prefix + key),
      [],
    );
  }

  async #run(which: keyof TokenScripts, keys: readonly string[], args: readonly Argument[]): Promise<Reply> {
    const reply = await this.#scripts[which].run(this.#connection, keys, args).catch((error) => {
      throw explained(error);
    });
    const received = performance.now();
    const [id, time, values] = Array.isArray(reply) ? (reply as readonly unknown[]) : [];
    const now = Number(time);
    if (reply === undefined || !Number.isFinite(now)) throw new Error('it answered a script with something else');
    if (id === null || id === undefined) {
      this.#master = undefined;
      throw new Error('it answers as a replica, which may lack the last invalidations');
    }
    this.#master = { id: String(id), offset: now - received, at: received };
    const list = Array.isArray(values) && values.length === keys.length ? values : undefined;
    return { master: this.#master, values: list };
  }
}

function tokenBytes(id: string, value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(id, 'latin1'), value]);
}

/** Compares byte by byte: a page has hundreds of tokens, and a call into Node for each takes longer. */
function startsWith(stored: Uint8Array, id: string): boolean {
  for (let i = 0; i < ID_LENGTH; i++) if (stored[i] !== id.charCodeAt(i)) return false;
  return true;
}

function tokenUnder(id: string, stored: unknown): Lookup {
  if (stored === null || stored === undefined) return MISSING;
  if (!Buffer.isBuffer(stored)) return UNKNOWN;
  // Another master took it, and this one may lack what was written later.
  if (!startsWith(stored, id)) return MISSING;
  return { state: 'found', value: stored.subarray(ID_LENGTH) };
}

function explained(error: unknown): unknown {
  if (!(error instanceof Error) || !error.message.startsWith(NO_INFO)) return error;
  return new CacheSweeperError(
    'CACHESWEEPER_STORE_UNSUPPORTED',
    `Redis does not answer INFO replication (${error.message.slice(NO_INFO.length + 1)}), so that a failover would go unnoticed and ` +
      'bring old pages back: nothing is served from it. Allow the command, or set durable: true if the service never loses an acknowledged write',
    { cause: error },
  );
}
