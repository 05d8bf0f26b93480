import { setTimeout as sleep } from 'node:timers/promises';
import { Load } from '../load.ts';
import type { SqlConnection } from './dialect.ts';

/** Milliseconds after which work that has not ended counts as stuck. */
const STUCK = 1_000;
/** Milliseconds between attempts to reach a database that has failed. */
const FIRST_WAIT = 50;
const LAST_WAIT = 500;
/** Longest pause, in milliseconds, before work is tried again that found others in its way. */
const BUSY_PAUSE = 5;

/** Where connections come from, and what their errors mean. */
export interface Database {
  acquire(): Promise<object>;
  release(connection: object): Promise<unknown>;
  /** @param timeout milliseconds after which a statement that is not answered costs the connection */
  connect(connection: object, timeout: number): SqlConnection;
  /** Whether nothing was done because others were in the way. */
  isBusy(error: unknown): boolean;
  /** Throws if the database cannot be used. */
  probe(connection: SqlConnection): Promise<unknown>;
}

/** Something to do with a connection. */
export interface Work<T> {
  readonly run: (connection: SqlConnection) => Promise<T>;
  /** The answer if it could not be done. */
  readonly nothing: T;
  /** When the caller is answered at the latest, by `performance.now()`. */
  readonly until: number;
  /** Whether to try it in any case: above the limits too, and on a database that has failed. */
  readonly isVital: boolean;
  /** Rows and bytes, for the limit of what may wait. */
  readonly rows: number;
  readonly bytes: number;
  /** Milliseconds that a statement may take, also when the caller was answered. Default 1,000. */
  readonly timeout?: number;
}

/** Counts of {@link Gate}. */
export interface GateStats {
  readonly state: 'unused' | 'ready' | 'failed';
  /** Calls that were not made, because the database had failed. */
  readonly refused: number;
  /** Calls that were not made, because too much was waiting. */
  readonly dropped: number;
  /** Times that others were in the way, and the call was tried again or given up. */
  readonly busy: number;
  /** Calls that failed. */
  readonly failures: number;
}

/**
 * Lets a few calls at one time use connections of the site's pool, and answers each in time. After a failure calls are answered at
 * once, as not known, and one at a time is tried beside them, at growing intervals, until the database answers.
 */
export class Gate {
  readonly #database: Database;
  readonly #limit: number;
  readonly #onFailure: (error: Error) => void;
  readonly #load = new Load();
  /** What waits for its turn: what is vital comes first. */
  readonly #vital = new Set<() => void>();
  readonly #others = new Set<() => void>();
  /** When each piece of work that has a connection, or asks for one, began. */
  readonly #running = new Set<{ readonly since: number }>();
  #isClosed = false;
  #wasUsed = false;
  /** Failures since the database last answered. */
  #run = 0;
  #retryAt = 0;
  #isProbing = false;
  #refused = 0;
  #dropped = 0;
  #busy = 0;
  #failures = 0;

  /**
   * @param limit of connections
   * @param onFailure called when a database that was usable fails
   */
  constructor(database: Database, limit: number, onFailure: (error: Error) => void) {
    this.#database = database;
    this.#limit = limit;
    this.#onFailure = onFailure;
  }

  get stats(): GateStats {
    const state = this.#run > 0 ? 'failed' : this.#wasUsed ? 'ready' : 'unused';
    return {
      state,
      refused: this.#refused,
      dropped: this.#dropped,
      busy: this.#busy,
      failures: this.#failures,
    };
  }

  /** Answers when the work is done, or at its deadline. Never rejects. */
  async run<T>(work: Work<T>): Promise<T> {
    if (!this.#admits(work)) return work.nothing;
    this.#load.add(work.rows, work.bytes);
    const answer = await this.#answer(work);
    this.#load.remove(work.rows, work.bytes);
    return answer;
  }

  /** Answers everything that waits, and takes nothing more. Connections go back to the pool when their statement has ended. */
  close(): void {
    this.#isClosed = true;
    for (const start of [...this.#vital, ...this.#others]) start();
  }

  #answer<T>(work: Work<T>): Promise<T> {
    const queue = work.isVital ? this.#vital : this.#others;
    return new Promise((resolve) => {
      const call = { isOver: false };
      const end = (answer: T): void => {
        call.isOver = true;
        clearTimeout(timer);
        queue.delete(start);
        resolve(answer);
      };
      const start = (): void => {
        queue.delete(start);
        if (this.#isClosed) end(work.nothing);
        else void this.#perform(work, call).then(end);
      };
      // After the process was blocked, timers fire before sockets are read. setImmediate lets answers that have arrived come first.
      const late = (): void => void setImmediate(() => end(work.nothing));
      const timer = setTimeout(late, Math.max(0, work.until - performance.now()));
      queue.add(start);
      this.#next();
    });
  }

  #next(): void {
    for (const queue of [this.#vital, this.#others]) {
      for (const start of queue) {
        if (this.#running.size >= this.#limit) return;
        start();
      }
    }
  }

  /** Does the work; again, as long as there is time, if others were in the way: then nothing of it was done. */
  async #perform<T>({ run, nothing, until, timeout }: Work<T>, call: { readonly isOver: boolean }): Promise<T> {
    const running = { since: performance.now() };
    this.#running.add(running);
    try {
      while (!call.isOver && !this.#isClosed && performance.now() < until) {
        try {
          const answer = await this.#connected(run, call, timeout);
          this.#succeeded();
          return answer === NOT_STARTED ? nothing : (answer as T);
        } catch (error) {
          if (!this.#database.isBusy(error)) {
            this.#failed(error);
            return nothing;
          }
          this.#busy++;
        }
        await sleep(1 + Math.random() * BUSY_PAUSE);
      }
      return nothing;
    } finally {
      this.#running.delete(running);
      this.#next();
    }
  }

  async #connected<T>(
    run: (connection: SqlConnection) => Promise<T>,
    call: { readonly isOver: boolean },
    timeout = STUCK,
  ): Promise<T | typeof NOT_STARTED> {
    const connection = await this.#database.acquire();
    try {
      // The pool may have been empty for longer than the caller waits.
      return call.isOver ? NOT_STARTED : await run(this.#database.connect(connection, timeout));
    } finally {
      await this.#database.release(connection);
    }
  }

  #admits({ isVital }: Work<unknown>): boolean {
    if (this.#isClosed) return false;
    if (isVital) return true;
    if (this.#load.isFull) {
      this.#dropped++;
      return false;
    }
    if (this.#isStuck) this.#failed(new Error(`no answer for ${STUCK} ms`));
    if (this.#run === 0) return true;
    this.#probe();
    this.#refused++;
    return false;
  }

  /** Whether all connections that the store may use wait for an answer, or for the pool, and none has come for long. */
  get #isStuck(): boolean {
    if (this.#run > 0 || this.#running.size < this.#limit) return false;
    const now = performance.now();
    for (const { since } of this.#running) if (now - since < STUCK) return false;
    return true;
  }

  #probe(): void {
    if (this.#isProbing || performance.now() < this.#retryAt || this.#running.size >= this.#limit) return;
    this.#isProbing = true;
    const running = { since: performance.now() };
    this.#running.add(running);
    const probing = this.#connected((connection) => this.#database.probe(connection), { isOver: false });
    const tried = probing.then(
      () => this.#succeeded(),
      (error) => (this.#database.isBusy(error) ? this.#succeeded() : this.#failed(error)),
    );
    void tried.finally(() => {
      this.#isProbing = false;
      this.#running.delete(running);
      this.#next();
    });
  }

  #succeeded(): void {
    this.#wasUsed = true;
    this.#run = 0;
  }

  #failed(error: unknown): void {
    if (this.#isClosed) return;
    this.#failures++;
    if (this.#run++ === 0) this.#onFailure(error instanceof Error ? error : new Error(String(error)));
    // The random wait keeps processes from retrying all at once.
    const wait = Math.min(FIRST_WAIT * 2 ** (this.#run - 1), LAST_WAIT);
    this.#retryAt = performance.now() + wait * (0.5 + Math.random() / 2);
  }
}

const NOT_STARTED = Symbol('not started');
