import { setTimeout as sleep } from 'node:timers/promises';
import { IdleWatch } from '../support/stopwatch.ts';

/** A hit ratio is taken over so many pages. */
const PAGES = 80;
/** Normal service. */
export const NORMAL = 0.9;
/** The deadline of a bump, in milliseconds. */
const BUMP_DEADLINE = 1_000;

/** How long pages and bumps took and how often they found what they looked for. */
export class Measures {
  pages = 0;
  bumps = 0;
  /** Milliseconds. */
  longestPage = 0;
  longestBump = 0;
  /**
   * By how much the same waited longer than the deadline, in milliseconds. What was computed meanwhile does not count, as it does not
   * count for the deadline.
   */
  latestPage = 0;
  latestBump = 0;
  #hits: { hits: number; all: number }[] = [];

  /** Call what it returns when the page is there. */
  startPage(deadline: number): () => void {
    this.pages++;
    return measure(deadline, (took, late) => {
      this.longestPage = Math.max(this.longestPage, took);
      this.latestPage = Math.max(this.latestPage, late);
    });
  }

  startBump(): () => void {
    this.bumps++;
    return measure(BUMP_DEADLINE, (took, late) => {
      this.longestBump = Math.max(this.longestBump, took);
      this.latestBump = Math.max(this.latestBump, late);
    });
  }

  addFragments(hits: number, all: number): void {
    this.#hits.push({ hits, all });
    if (this.#hits.length > PAGES) this.#hits.shift();
  }

  /** The share of hits in the last pages; 0 as long as there are too few of them. */
  get hitRatio(): number {
    return this.#hits.length < PAGES ? 0 : this.#ratio();
  }

  /** The same of so many pages. */
  hitRatioOf(pages: number): number {
    return this.#hits.length < pages ? 0 : this.#ratio();
  }

  #ratio(): number {
    const all = this.#hits.reduce((sum, page) => sum + page.all, 0);
    return this.#hits.reduce((sum, page) => sum + page.hits, 0) / all;
  }

  /** The hit ratio of the next pages, after those that may have begun already. */
  async ratioSoon(begun: number): Promise<number> {
    const first = this.pages + begun;
    await until(`${begun} pages`, () => this.pages >= first);
    this.forgetHits();
    await until('enough pages', () => this.#hits.length === PAGES);
    return this.hitRatio;
  }

  /** Forgets the pages so far. */
  forgetHits(): void {
    this.#hits = [];
  }

  /** Waits until the hit ratio of pages that are delivered from now on is normal; the milliseconds until then. */
  async normalService(): Promise<number> {
    this.forgetHits();
    const started = performance.now();
    await until(
      () => `normal service: the hit ratio is ${this.hitRatio}`,
      () => this.hitRatio >= NORMAL,
    );
    return performance.now() - started;
  }
}

/**
 * Waits for something that must come, however slow the machine is.
 *
 * @param what is waited for, in the error when it has not come after 20 s by short timers: on a busy machine they take longer
 */
export async function until(what: string | (() => string), isThere: () => boolean): Promise<void> {
  for (let waited = 0; !isThere(); waited += 10) {
    if (waited === 20_000) throw new Error(`waited in vain for ${typeof what === 'string' ? what : what()}`);
    await sleep(10);
  }
}

/**
 * How long something takes, and by how much it waits longer than its deadline.
 *
 * @param tell milliseconds from now to the call of the returned function, and those by which it waited longer
 */
function measure(deadline: number, tell: (took: number, late: number) => void): () => void {
  const started = performance.now();
  const idle = new IdleWatch();
  return () => tell(performance.now() - started, Math.max(0, idle.stop() - deadline));
}
