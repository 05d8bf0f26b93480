import { LRUCache } from 'lru-cache';
import type { Token } from '../../cache/token.ts';
import type { Maker } from './maker.ts';
import type { Making, Waiter } from './making.ts';

/** Most that wait for one making. Others make it themselves. */
const MAX_WAITERS = 10_000;
/** Characters of the keys of what could not be kept. */
const MAX_REFUSED = 1_000_000;
/** How long nobody waits for what could not be kept, in milliseconds. */
const REFUSED_FOR = 5_000;

/** Numbers all makings of the process, so that fragments and views have one order. */
let last = 0;

/**
 * What is being made in this process, so that others who need the same wait for it instead of loading its data again.
 *
 * Nobody waits in a circle: a maker waits only for makings that began before its own oldest one that is not done. So of
 * any makers that wait for each other, the one with the oldest making waits for none of them. A making that nobody waits
 * for, or only those who make nothing, may count as begun later than it was ({@link Maker.postpone}): pages whose views
 * began at the same time wait for what they have in common.
 */
export class Makings<Result> {
  readonly #wait: number;
  /** By memory key and variant: a page may make a thousand variants of one fragment. */
  readonly #running = new Map<string, readonly Making<Result>[]>();
  /** Until when nobody waits for what could not be kept. */
  readonly #refused: LRUCache<string, number>;
  readonly #now: () => number;
  #waiting = 0;
  #coalesced = 0;

  readonly #hasLeases: boolean;

  /**
   * @param settings `wait`: longest time that one page or view waits for others, in milliseconds; 0 for not at all
   * @param hasLeases whether there is a store that tells who is next when a maker has failed
   */
  constructor({ wait, now }: { readonly wait: number; readonly now: () => number }, hasLeases: boolean) {
    this.#wait = wait;
    this.#hasLeases = hasLeases;
    this.#now = now;
    this.#refused = new LRUCache({
      maxSize: MAX_REFUSED,
      sizeCalculation: (_, key) => Math.max(1, key.length),
    });
  }

  get isOn(): boolean {
    return this.#wait > 0;
  }

  /** Somebody is served what another has made: others may have waited for what they cannot use. */
  coalesced(): void {
    this.#coalesced++;
  }

  /** How many are being made, how many wait, and how often somebody was served what another had made. */
  get counts(): { readonly running: number; readonly waiting: number; readonly coalesced: number } {
    return { running: this.#running.size, waiting: this.#waiting, coalesced: this.#coalesced };
  }

  get size(): number {
    return this.#running.size;
  }

  /** Returns what is being made, or was made by a page that is not delivered yet; the latest first. */
  of(memoryKey: string, variant: string): readonly Making<Result>[] {
    return this.#running.get(keyOf(memoryKey, variant)) ?? NONE;
  }

  /**
   * Begins to make something, or goes on with what was handed to this maker. Returns undefined if it could not be kept lately, or
   * is being made from the same tokens: then nobody waits for this maker.
   */
  begin(what: Pick<Making<Result>, 'memoryKey' | 'variant' | 'tokens'>, maker: Maker): Making<Result> | undefined {
    const key = keyOf(what.memoryKey, what.variant);
    if (this.isRefused(what)) return undefined;
    const others = this.#running.get(key) ?? NONE;
    const own = others.find((other) => other.maker === maker);
    if (own !== undefined) return own;
    const isMade = others.some(({ result, tokens }) => result === undefined && areSame(tokens, what.tokens));
    if (isMade) return undefined;
    const making: Making<Result> = {
      ...what,
      first: maker,
      maker,
      number: ++last,
      result: undefined,
      waiters: new Set(),
      timer: this.#timer(() => this.#fail(making)),
    };
    this.#running.set(key, [making, ...others]);
    maker.add(making, this);
    return making;
  }

  /** Whether something could not be kept lately. */
  isRefused({ memoryKey, variant }: Pick<Making<Result>, 'memoryKey' | 'variant'>): boolean {
    return this.#refused.size > 0 && (this.#refused.get(keyOf(memoryKey, variant)) ?? 0) > this.#now();
  }

  /** Whether a maker may wait for a making. */
  mayWait(making: Making<Result>, maker: Maker): boolean {
    // It may have ended while tokens were read. Nobody would wake who waits for it.
    if (!this.of(making.memoryKey, making.variant).includes(making)) return false;
    if (maker.patience.waited >= this.#wait || making.waiters.size >= MAX_WAITERS) return false;
    if (making.number >= maker.oldest) maker.postpone(() => ++last);
    return making.number < maker.oldest;
  }

  /** Waits for a making. Returns what was made, or undefined: then the maker has to make it. */
  wait(making: Making<Result>, maker: Maker): Promise<Result | undefined> {
    const { patience } = maker;
    patience.begin();
    this.#waiting++;
    return new Promise((resolve) => {
      const waiter: Waiter<Result> = {
        maker,
        end: (result) => {
          clearTimeout(timer);
          making.waiters.delete(waiter);
          this.#waiting--;
          patience.end();
          resolve(result);
        },
      };
      const timer = setTimeout(() => waiter.end(undefined), this.#wait - patience.waited);
      making.waiters.add(waiter);
    });
  }

  /** What was made is kept. Others get it from now on until its maker has ended. */
  done(making: Making<Result>, result: Result): void {
    clearTimeout(making.timer);
    making.result = result;
    this.#endAll(making, result);
  }

  /** What was made cannot be kept: everybody makes it, and for a while nobody waits for it. */
  refuse(making: Making<Result>): void {
    this.#refused.set(keyOf(making.memoryKey, making.variant), this.#now() + REFUSED_FOR);
    making.maker.delete(making);
    this.#drop(making);
    this.#endAll(making, undefined);
  }

  /** The maker has ended. */
  leave(making: Making<Result>): void {
    if (making.result === undefined) this.#fail(making);
    else this.#drop(making);
  }

  /** Hands a making that has failed, or takes too long, to whoever waited first. With leases, all ask for the next one. */
  #fail(making: Making<Result>): void {
    clearTimeout(making.timer);
    making.maker.delete(making);
    const [first] = making.waiters;
    if (first === undefined || this.#hasLeases) {
      this.#drop(making);
      return this.#endAll(making, undefined);
    }
    making.maker = first.maker;
    // As if it had begun now. The first may be waiting for others, who must not wait for it.
    making.number = ++last;
    making.timer = this.#timer(() => this.#fail(making));
    first.maker.add(making, this);
    first.end(undefined);
    // So nobody waits who makes something older, or for whom the new maker renders.
    for (const waiter of making.waiters) if (waiter.maker.oldest <= making.number) waiter.end(undefined);
  }

  #timer(run: () => void): NodeJS.Timeout {
    return setTimeout(run, this.#wait).unref();
  }

  #drop(making: Making<Result>): void {
    clearTimeout(making.timer);
    const key = keyOf(making.memoryKey, making.variant);
    const others = (this.#running.get(key) ?? NONE).filter((other) => other !== making);
    if (others.length === 0) this.#running.delete(key);
    else this.#running.set(key, others);
  }

  #endAll({ waiters }: Making<Result>, result: Result | undefined): void {
    for (const waiter of waiters) waiter.end(result);
  }
}

const NONE: readonly never[] = [];

function keyOf(memoryKey: string, variant: string): string {
  return `${memoryKey}\n${variant}`;
}

function areSame(some: ReadonlyMap<string, Token>, others: ReadonlyMap<string, Token>): boolean {
  if (some.size !== others.size) return false;
  for (const [name, token] of some) if (others.get(name) !== token) return false;
  return true;
}
