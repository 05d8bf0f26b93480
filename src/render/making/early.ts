import type { Entry } from '../../cache/entry.ts';

/** What is asked of the options. */
interface EarlySettings {
  readonly early: number;
  readonly now: () => number;
}

/**
 * Decides what one page or request makes anew although it has not expired yet, so that not all find it expired at once: XFetch (A.
 * Vattani, F. Chierichetti, K. Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015). An entry counts as
 * expired where `now - duration * early * ln(u)` has reached its end. One random number `u` is drawn, so that all passes of a page,
 * and what stands inside of each other, are treated alike.
 */
export class Early {
  readonly #early: number;
  readonly #now: () => number;
  /** By how many durations this page is ahead of the clock; undefined until it is needed. */
  #ahead: number | undefined;
  /** Whether anything was found that is made anew. */
  hasFound = false;
  #hasGivenUp = false;

  private constructor({ early, now }: EarlySettings) {
    this.#early = early;
    this.#now = now;
  }

  /** Returns undefined where the option `early` is off. */
  static of(settings: EarlySettings): Early | undefined {
    return settings.early > 0 ? new Early(settings) : undefined;
  }

  /**
   * Whether an entry that has not expired is made anew.
   *
   * @param renews end of what is made early around it, in milliseconds since 1970; 0 for none. What ends no later would keep that from
   * getting younger, and is made anew as well
   */
  isDue({ expires, provisional, duration }: Entry, renews: number): boolean {
    if (this.#hasGivenUp || expires === Number.POSITIVE_INFINITY) return false;
    const isDue = expires <= renews || (!provisional && duration > 0 && this.#aheadOf(duration) >= expires);
    if (isDue) this.hasFound = true;
    return isDue;
  }

  /** From now on nothing is made early. Returns whether anything was until now. */
  giveUp(): boolean {
    const wasMade = this.hasFound && !this.#hasGivenUp;
    this.#hasGivenUp = true;
    return wasMade;
  }

  #aheadOf(duration: number): number {
    // Not the logarithm of 0.
    this.#ahead ??= -this.#early * Math.log(1 - Math.random());
    return this.#now() + duration * this.#ahead;
  }
}
