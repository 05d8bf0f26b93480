/** Runs jobs that go on after the page was delivered. Limits and counts them. */
export class Background {
  readonly #limit: number;
  readonly #running = new Set<Promise<unknown>>();
  #dropped = 0;

  /** @param limit number of jobs at one time; further ones are dropped */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get dropped(): number {
    return this.#dropped;
  }

  /** Starts a job. Returns false, without starting it, if too many are running. Jobs handle their own errors. */
  start(job: () => Promise<unknown>): boolean {
    if (this.#running.size >= this.#limit) {
      this.#dropped++;
      return false;
    }
    const running: Promise<unknown> = job().finally(() => this.#running.delete(running));
    this.#running.add(running);
    return true;
  }

  /** Resolves when the jobs that are running now are done. Others may have been started meanwhile. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  /** Resolves when no job is running, including those started meanwhile. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }
}
