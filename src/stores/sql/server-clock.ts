/** Milliseconds after which a sample gives way to any newer one, and after which it is not used any more. */
const FRESH = 5_000;
const USABLE = 60_000;
/** Milliseconds that answers may differ by without saying that a clock was set: they are rounded, and clocks drift. */
const ROUNDING = 2;

/** What the server's clock says, learnt from its answers. All times are in milliseconds; local ones by `performance.now()`. */
export class ServerClock {
  /** `base`: what has to be added to a local time. */
  #sample: { readonly base: number; readonly trip: number; readonly at: number } | undefined;

  /**
   * Takes a sample.
   *
   * @param now what the server's clock said, at some time between `sent` and `received`
   */
  observe(now: number, sent: number, received: number): void {
    const trip = received - sent;
    const kept = this.#sample;
    if (kept !== undefined) {
      const earliest = kept.base + sent - ROUNDING;
      const latest = kept.base + kept.trip + received + ROUNDING;
      // Otherwise the server's clock was set, or this process stood still with its machine.
      const fits = now >= earliest && now <= latest;
      // A quick answer tells more.
      if (fits && kept.trip < trip && received - kept.at < FRESH) return;
    }
    this.#sample = { base: now - received, trip, at: received };
  }

  /** Takes nothing for known until the next sample. */
  forget(): void {
    this.#sample = undefined;
  }

  /**
   * Returns what the server's clock says at a local time, or less, by the duration of the round trip that told it: a deadline may be
   * early, but never late. Undefined if nothing was learnt lately.
   */
  at(local: number): number | undefined {
    if (this.#sample === undefined || performance.now() - this.#sample.at > USABLE) return undefined;
    return this.#sample.base + local;
  }

  /** Whether the server's clock has not come to a time yet, for certain. */
  isBefore(time: number): boolean {
    return this.#sample !== undefined && this.#sample.base + this.#sample.trip + performance.now() < time;
  }
}
