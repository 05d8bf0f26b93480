import { setTimeout as sleep } from 'node:timers/promises';
import { sized } from '../support/long.ts';
import { until } from './measures.ts';
import type { Article, Row } from './rows.ts';
import { AT_ONCE, type Site, type SiteProcess } from './site.ts';

/** A visitor who is served late waits so many times as long before the next page. */
const RESTRAINT = 10;
/** Milliseconds between two pages of a visitor, at most: every day visitors are slower, because most of a test is waiting. */
const PAUSE = sized(120, 40, 40);

/**
 * Visitors, who read pages without end, and an author who saves rows, at random. A busy machine is asked for fewer pages: if it were asked
 * for more than it can render, pages would miss the deadline of a store that answers.
 */
export class Traffic {
  readonly #site: Site;
  readonly #visitors: Promise<void>[];
  readonly #author: Promise<void>;
  #isOver = false;
  #isSaving = true;
  acknowledged = 0;
  lost = 0;

  /**
   * @param pause milliseconds between two pages of a visitor, at most
   * @param pagesPerSave how many pages begin between two saves, on average: on a slow machine hits are not fewer for that
   * @param read how many of the articles are read
   */
  constructor(site: Site, { pause = PAUSE, pagesPerSave = 100, read = site.articles.length } = {}) {
    this.#site = site;
    this.#visitors = Array.from({ length: AT_ONCE }, () => this.#visit(pause, site.articles.slice(0, read)));
    this.#author = this.#write(pagesPerSave);
  }

  /** From now on pages are only read. */
  stopSaving(): void {
    this.#isSaving = false;
  }

  /**
   * Resolved when the last page and bump are there.
   *
   * @throws when they do not come
   */
  async stop(): Promise<void> {
    this.#isOver = true;
    let isDone = false;
    void Promise.all([...this.#visitors, this.#author]).then(() => {
      isDone = true;
    });
    await until('the last pages and bumps', () => isDone);
  }

  async #visit(pause: number, articles: readonly Article[]): Promise<void> {
    const { processes } = this.#site;
    while (!this.#isOver) {
      await this.#site.page(this.#one(processes), this.#one(articles));
      const asked = Math.random() * pause;
      const started = performance.now();
      await sleep(asked);
      await sleep(RESTRAINT * (performance.now() - started - asked));
    }
  }

  async #write(pages: number): Promise<void> {
    const rows: readonly Row[] = this.#site.rows;
    const processes: readonly SiteProcess[] = this.#site.processes;
    const { measures } = this.#site;
    const isOver = () => !this.#isSaving || this.#isOver;
    while (!isOver()) {
      const next = measures.pages + Math.random() * 2 * pages;
      while (measures.pages < next && !isOver()) await sleep(5);
      if (isOver()) return;
      if (await this.#site.save(this.#one(processes), this.#one(rows))) this.acknowledged++;
      else this.lost++;
    }
  }

  #one<T>(list: readonly T[]): T {
    return list[Math.floor(Math.random() * list.length)] as T;
  }
}
