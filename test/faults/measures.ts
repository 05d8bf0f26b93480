import { type EventLoopUtilization, performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

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
   * The same beyond the deadline, as an empty timer set beside it measures that: on a busy machine every timer is late. In milliseconds.
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
    return this.hitRatioOf(PAGES);
  }

  /** The same of so many pages. */
  hitRatioOf(pages: number): number {
    if (this.#hits.length < pages) return 0;
    const all = this.#hits.reduce((sum, page) => sum + page.all, 0);
    return this.#hits.reduce((sum, page) => sum + page.hits, 0) / all;
  }

  /** Forgets the pages so far. */
  forgetHits(): void {
    this.#hits = [];
  }

  /**
   * Waits until the hit ratio of pages that are delivered from now on is normal; the milliseconds until then.
   *
   * @param limit milliseconds, by timers: on a busy machine they take longer
   */
  async normalService(limit: number): Promise<number> {
    this.forgetHits();
    const started = performance.now();
    for (let waited = 0; waited < limit; waited += 10) {
      await sleep(10);
      if (this.hitRatio >= NORMAL) return performance.now() - started;
    }
    throw new Error(`the hit ratio is ${this.hitRatio} after ${limit} ms`);
  }
}

/**
 * Time in which this process worked after the timer, on this page or others, is not waiting.
 *
 * @param tell milliseconds from now to the call of the returned function, and those it waited after the deadline
 */
function measure(deadline: number, tell: (took: number, late: number) => void): () => void {
  const started = performance.now();
  let passed: { at: number; busy: EventLoopUtilization } | undefined;
  const timer = setTimeout(() => {
    passed = { at: performance.now(), busy: performance.eventLoopUtilization() };
  }, deadline);
  return () => {
    clearTimeout(timer);
    const now = performance.now();
    const late = passed && now - passed.at - performance.eventLoopUtilization(passed.busy).active;
    tell(now - started, Math.max(0, late ?? 0));
  };
}
