/** Work that goes on when the page has been delivered, counted and bounded. */
export class Background {
  readonly #limit: number;
  readonly #running = new Set<Promise<unknown>>();
  #dropped = 0;

  /** @param limit jobs at one time; more are dropped */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get dropped(): number {
    return this.#dropped;
  }

  /** Starts a job, or drops it when too many are running: false then. Jobs handle their own errors. */
  start(job: () => Promise<unknown>): boolean {
    if (this.#running.size >= this.#limit) {
      this.#dropped++;
      return false;
    }
    const running: Promise<unknown> = job().finally(() => this.#running.delete(running));
    this.#running.add(running);
    return true;
  }

  /** Resolved when nothing is running, nor what was started meanwhile. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }
}
