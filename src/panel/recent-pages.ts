import { LRUCache } from 'lru-cache';
import type { PageReport } from './inspection/page-report.ts';

const MAX_PAGES = 50;
/** Characters of all reports. */
const MAX_TEXT = 16_000_000;

/** The pages that were sent last, with their reports. */
export class RecentPages {
  readonly #pages = new LRUCache<string, PageReport>({
    max: MAX_PAGES,
    maxSize: MAX_TEXT,
    sizeCalculation: ({ size }) => size,
  });

  add(page: PageReport): void {
    this.#pages.set(page.id, page);
  }

  get(id: string): PageReport | undefined {
    return this.#pages.get(id);
  }

  /** The latest first. */
  get all(): readonly PageReport[] {
    return [...this.#pages.values()].sort((a, b) => b.time - a.time);
  }
}
