import type { Token } from '../token.ts';

/** Limit of own bumps remembered by name. Above it, all names that were read before count as bumped. */
const MAX_BUMPED = 10_000;

/** A read of tokens, at the time it was sent. */
export interface Sending {
  /** By `performance.now()`. */
  readonly elapsed: number;
  /** Milliseconds since 1970, by the sweeper's clock. */
  readonly time: number;
  /** How many bumps of this process had ended before, or were tried again. */
  readonly bumps: number;
}

/** What was read last of one name: its token, undefined if it had none, and when the read was sent. */
export interface LastRead {
  read: Token | undefined;
  sent: Sending | undefined;
}

/**
 * Knows which token of a name this process read last, for the option `outage`. It says nothing of a name that this
 * process has bumped since the read was sent, and nothing of what was read too long ago. The tokens themselves are
 * kept by `KnownNames`, which is bounded in bytes.
 */
export class LastReads {
  readonly #kept: { peek(name: string): LastRead | undefined };
  readonly #outage: number;
  readonly #now: () => number;
  #bumps = 0;
  /** The number of the last bump of a name. */
  readonly #bumped = new Map<string, number>();
  /** The number of the last bump that counts for all names. */
  #allBumped = 0;

  /**
   * @param kept what is remembered of names
   * @param outage milliseconds for which a token counts after its read was sent; 0 switches this off
   * @param now the sweeper's clock
   */
  constructor(kept: { peek(name: string): LastRead | undefined }, outage: number, now: () => number) {
    this.#kept = kept;
    this.#outage = outage;
    this.#now = now;
  }

  /** Call this when a read is sent. Returns undefined when the option is off; then nothing has to be noted. */
  sending(): Sending | undefined {
    if (this.#outage === 0) return undefined;
    return { elapsed: performance.now(), time: this.#now(), bumps: this.#bumps };
  }

  /**
   * Notes what the store answered for a name that is remembered. An answer to an older read, which may come later, does not count.
   *
   * @param token undefined if the name has none
   */
  note(name: string, token: Token | undefined, sent: Sending): void {
    const known = this.#kept.peek(name);
    if (known === undefined || (known.sent !== undefined && known.sent.elapsed > sent.elapsed)) return;
    known.read = token;
    known.sent = sent;
  }

  /**
   * Call this when a bump ends, and when it was tried again: a read that was sent before may have found the old token.
   * Until then its names are uncertain (`SharedTokens.isUncertain`). A bump of `*` needs no more than that, because every entry
   * depends on it.
   */
  bumped(names: readonly string[]): void {
    if (this.#outage === 0) return;
    this.#bumps++;
    for (const name of names) this.#bumped.set(name, this.#bumps);
    if (this.#bumped.size <= MAX_BUMPED) return;
    this.#allBumped = this.#bumps;
    this.#bumped.clear();
  }

  /** Returns the token that was read last, if it still counts. */
  token(name: string): Token | undefined {
    const { read, sent } = this.#kept.peek(name) ?? NOTHING;
    if (sent === undefined || sent.bumps < Math.max(this.#allBumped, this.#bumped.get(name) ?? 0)) return undefined;
    // The clock that shows more counts: one may be set back, and the other stands still while a machine is suspended.
    const age = Math.max(performance.now() - sent.elapsed, this.#now() - sent.time);
    return age <= this.#outage ? read : undefined;
  }
}

const NOTHING: LastRead = { read: undefined, sent: undefined };
