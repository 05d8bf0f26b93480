import { Load } from '../load.ts';
import { type Address, addressLabel, type Credentials } from './address.ts';
import { Connection } from './connection.ts';
import { PendingBatch } from './pending-batch.ts';
import { type Opcode, type Packet, type Request, requestBytes } from './wire.ts';

/** Milliseconds between attempts to reach a server that has failed. */
const FIRST_WAIT = 50;
const LAST_WAIT = 500;

/** A batch of requests for one server. */
export interface Batch<T> {
  readonly opcode: Opcode;
  readonly requests: readonly Request[];
  /** Answer for a request that the server did not answer. */
  readonly nothing: T;
  /** Turns a packet into an answer. */
  readonly read: (packet: Packet) => T;
  /** Milliseconds. */
  readonly timeout: number;
  /** Whether to send it in any case: above the limits too, and to a server that has failed. */
  readonly isVital: boolean;
  /** Whether to undo it when it was not acknowledged in time: see {@link PendingBatch.isRevocable}. */
  readonly isRevocable: boolean;
}

/** Counts for one server. */
export interface RemoteStats {
  /** `unused`: nothing was asked yet, or the server closed an idle connection. */
  readonly state: 'unused' | 'connecting' | 'ready' | 'failed';
  /** Requests not sent because the server had failed. */
  readonly refused: number;
  /** Requests not sent because too many were on their way. */
  readonly dropped: number;
  /** Connections that failed. */
  readonly failures: number;
}

/**
 * One server, with its connection and circuit breaker. Until the server fails, requests wait for the connection. After
 * a failure, requests are answered at once, as not known, and one connection at a time is tried, at growing intervals;
 * bumps wait for such an attempt or start one. When the server answers again, new requests are sent as before.
 */
export class Remote {
  readonly label: string;
  readonly #address: Address;
  readonly #credentials: Credentials;
  readonly #onFailure: (error: Error, label: string) => void;
  #connection: Connection | undefined;
  #isReady = false;
  #isClosed = false;
  readonly #load = new Load();
  /** Exchanges that wait for the connection. */
  #queue: PendingBatch<unknown>[] = [];
  /** Failures since the server last answered. */
  #run = 0;
  #retryAt = 0;
  #refused = 0;
  #dropped = 0;
  #failures = 0;

  /** @param onFailure called when a server that was usable fails */
  constructor(address: Address, credentials: Credentials, onFailure: (error: Error, label: string) => void) {
    this.label = addressLabel(address);
    this.#address = address;
    this.#credentials = credentials;
    this.#onFailure = onFailure;
  }

  get stats(): RemoteStats {
    const trying = this.#connection === undefined ? 'unused' : 'connecting';
    const state = this.#isReady ? 'ready' : this.#run > 0 ? 'failed' : trying;
    return { state, refused: this.#refused, dropped: this.#dropped, failures: this.#failures };
  }

  /** Sends a batch and returns the answers that are known after the timeout. Never rejects. */
  async run<T>(batch: Batch<T>): Promise<readonly T[]> {
    const { opcode, requests, nothing, read, timeout, isRevocable } = batch;
    if (requests.length === 0 || !this.#admits(batch)) return requests.map(() => nothing);
    const pending = new PendingBatch<T>(opcode, requests, nothing, read, timeout, isRevocable);
    const bytes = requests.reduce((sum, { key, value }) => sum + requestBytes(key, value), 0);
    this.#load.add(requests.length, bytes);
    if (this.#isReady) this.#connection?.send(pending);
    else this.#queue.push(pending);
    const answers = await pending.answered;
    this.#load.remove(requests.length, bytes);
    if (pending.isComplete) this.#run = 0;
    return answers;
  }

  /** Ends the connection; waiting callers are answered. */
  close(): void {
    this.#isClosed = true;
    this.#connection?.close();
    this.#settleQueue();
  }

  /** Whether a batch may be sent or may wait for the connection. Opens a connection if one is due. */
  #admits({ requests, isVital }: Batch<unknown>): boolean {
    if (this.#isClosed) return false;
    this.#connection?.checkStalled();
    if (!isVital && this.#load.isFull) {
      this.#dropped += requests.length;
      return false;
    }
    const isDue = isVital || this.#run === 0 || performance.now() >= this.#retryAt;
    if (this.#connection === undefined && isDue) this.#connect();
    if (isVital || this.#run === 0 || this.#isReady) return true;
    this.#refused += requests.length;
    return false;
  }

  #connect(): void {
    const connection = new Connection(this.#address, this.#credentials, {
      ready: () => this.#ready(connection),
      ended: (error) => this.#ended(error),
    });
    this.#connection = connection;
  }

  #ready(connection: Connection): void {
    this.#isReady = true;
    for (const batch of this.#queue.splice(0)) if (!batch.isSettled) connection.send(batch);
  }

  #ended(error: Error | undefined): void {
    const wasReady = this.#isReady;
    this.#connection = undefined;
    this.#isReady = false;
    this.#settleQueue();
    if (error === undefined || this.#isClosed) return;
    this.#failures++;
    const isFirst = this.#run++ === 0;
    if (isFirst) this.#onFailure(error, this.label);
    // A server that worked a moment ago may have been restarted, so try again at once.
    if (isFirst && wasReady) return this.#connect();
    const wait = Math.min(FIRST_WAIT * 2 ** this.#run, LAST_WAIT);
    // The random wait keeps processes from retrying all at once.
    this.#retryAt = performance.now() + wait * (0.5 + Math.random() / 2);
  }

  #settleQueue(): void {
    for (const batch of this.#queue.splice(0)) batch.settle();
  }
}
