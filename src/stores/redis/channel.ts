import { Load } from '../load.ts';
import type { Connection } from './connection.ts';

/** A server that has not answered for this many milliseconds counts as gone. */
const STALLED_AFTER = 1_000;
/** Milliseconds between two calls that are sent to such a server all the same, to see whether it answers. */
const PROBE_EVERY = 500;
/** Milliseconds between two looks at a client that is not connected. */
const POLL = 10;

/** What a call means for the server. */
export interface CallSize {
  readonly bytes: number;
  /** Milliseconds. */
  readonly timeout: number;
  readonly does: 'read' | 'write';
  /** Whether it waits until the client is connected again, even if that takes longer than others have waited in vain. */
  readonly isVital?: boolean;
}

/** Counts for the commands of one kind. */
export interface ChannelStats {
  /** `unused`: nothing was asked yet. `failed`: not connected, or no answer for a second. */
  readonly state: 'unused' | 'ready' | 'failed';
  /** Requests not sent because the server could not be used. */
  readonly refused: number;
  /** Requests not sent because too many were on their way. */
  readonly dropped: number;
  /** Calls that the client or the server answered with an error. */
  readonly failures: number;
}

/** `probe`: sent to see whether a server answers again. */
type Admission = 'sent' | 'probe' | 'refused';

interface Sent {
  /** By `performance.now()`. */
  readonly at: number;
  readonly requests: number;
  readonly bytes: number;
  readonly isProbe: boolean;
}

/**
 * The way to one server, over a client that is not ours. It answers each call in time, bounds what is on its way, and
 * stops asking while the client is not connected or the server does not answer.
 */
export class Channel {
  readonly #connection: Connection;
  readonly #onFailure: (error: Error) => void;
  readonly #load = new Load();
  /** Calls that the client has not answered, oldest first. */
  readonly #sent = new Set<Sent>();
  /** Ends the waiting of callers. */
  readonly #waiting = new Set<() => void>();
  /** What has failed since it last succeeded, so that each failure is reported once. */
  readonly #failing = new Set<CallSize['does']>();
  #isUsed = false;
  /** Whether a call has waited in vain for the client to connect. */
  #isAway = false;
  #isClosed = false;
  #probeAt = 0;
  #refused = 0;
  #dropped = 0;
  #failures = 0;

  /** @param onFailure called when something that worked fails */
  constructor(connection: Connection, onFailure: (error: Error) => void) {
    this.#connection = connection;
    this.#onFailure = onFailure;
  }

  get stats(): ChannelStats {
    const isFailed = (this.#isAway && !this.#connection.isReady()) || this.#isStalled;
    const state = isFailed ? 'failed' : this.#isUsed ? 'ready' : 'unused';
    return { state, refused: this.#refused, dropped: this.#dropped, failures: this.#failures };
  }

  /**
   * Runs a call and returns the answers that are known after the timeout. Never rejects.
   *
   * @param answers those of a call that was not answered; `send` replaces them as it learns them
   * @param send must not send anything more once the time given to it is over (by `performance.now()`)
   */
  async run<T>(
    answers: T[],
    { bytes, timeout, does, isVital = false }: CallSize,
    send: (until: number) => Promise<void>,
  ): Promise<readonly T[]> {
    const until = performance.now() + timeout;
    const requests = answers.length;
    if (requests === 0 || this.#isClosed) return answers;
    if (this.#load.isFull) {
      this.#dropped += requests;
      return answers;
    }
    this.#isUsed = true;
    this.#load.add(requests, bytes);
    // Do not wait for anything on the usual way: the page is rendered while the answer is on its way.
    const admission = this.#isUsable ? 'sent' : await this.#admit(until, isVital);
    if (admission === 'refused') {
      this.#refused += requests;
      this.#load.remove(requests, bytes);
      return answers;
    }
    this.#isAway = false;
    const sent: Sent = { at: performance.now(), requests, bytes, isProbe: admission === 'probe' };
    this.#sent.add(sent);
    await this.#within(this.#settle(sent, does, send(until)), until);
    // A later answer must not change what the caller got.
    return answers.slice();
  }

  /** Answers all callers. */
  close(): void {
    this.#isClosed = true;
    for (const end of this.#waiting) end();
  }

  async #settle(sent: Sent, does: CallSize['does'], sending: Promise<void>): Promise<void> {
    try {
      await sending;
      this.#failing.delete(does);
      if (sent.isProbe) this.#forgetBefore(sent);
    } catch (error) {
      this.#failures++;
      this.#fail(does, error instanceof Error ? error : new Error(String(error)));
    }
    this.#release(sent);
  }

  #fail(does: CallSize['does'], error: Error): void {
    if (this.#failing.has(does) || this.#isClosed) return;
    this.#failing.add(does);
    this.#onFailure(error);
  }

  /** Servers answer in order. So what was sent before an answered probe has been lost on its way. */
  #forgetBefore(probe: Sent): void {
    for (const sent of this.#sent) {
      if (sent === probe) return;
      this.#release(sent);
    }
  }

  #release(sent: Sent): void {
    if (this.#sent.delete(sent)) this.#load.remove(sent.requests, sent.bytes);
  }

  get #isUsable(): boolean {
    return this.#connection.isReady() && !this.#isStalled;
  }

  /** Decides about a call for which the client is not ready, or while the server owes answers. */
  async #admit(until: number, isVital: boolean): Promise<Admission> {
    if (!(await this.#awaitReady(until, isVital))) return 'refused';
    // This process may have been blocked, so let answers that have arrived be read first.
    if (this.#isStalled) await new Promise((resolve) => setImmediate(resolve));
    if (!this.#isStalled) return 'sent';
    this.#fail('read', new Error(`no answer for ${STALLED_AFTER} ms`));
    const now = performance.now();
    if (now < this.#probeAt) return 'refused';
    this.#probeAt = now + PROBE_EVERY;
    this.#connection.renew();
    return this.#connection.isReady() ? 'probe' : 'refused';
  }

  /** Waits for the client to connect; not if others have waited for it in vain, unless the call is vital. */
  async #awaitReady(until: number, isVital: boolean): Promise<boolean> {
    while (!this.#connection.isReady()) {
      if (this.#isClosed || (this.#isAway && !isVital)) return false;
      const left = until - performance.now();
      const { trouble } = this.#connection;
      // Bumps wait, because it may be restarting.
      if (left <= 0 || (trouble !== undefined && !isVital)) {
        this.#isAway = true;
        this.#fail('read', new Error(`the client is not connected${trouble === undefined ? '' : `: ${trouble}`}`));
        return false;
      }
      await new Promise((resolve) => setTimeout(resolve, Math.min(POLL, left)));
    }
    return !this.#isClosed;
  }

  get #isStalled(): boolean {
    for (const { at } of this.#sent) return performance.now() - at >= STALLED_AFTER;
    return false;
  }

  /** Resolves when a promise that never rejects has resolved, when the time is over, or when the channel is closed. */
  #within(done: Promise<void>, until: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(end);
        resolve();
      };
      // After the process was blocked, timers fire before sockets are read. setImmediate lets answers that have arrived
      // come first.
      // Whole milliseconds: Node keeps a list of timers for each duration.
      const timer = setTimeout(() => setImmediate(end), Math.ceil(until - performance.now()));
      this.#waiting.add(end);
      void done.then(end);
    });
  }
}
