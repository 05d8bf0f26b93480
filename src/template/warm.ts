import { inRequest } from '../render/ambient.ts';
import {
  checkContext,
  checkWarmOptions,
  checkWarmPage,
  checkWarmPages,
  type WarmOptions,
  type WarmPage,
  type WarmPages,
  type WarmSettings,
} from './warm-input.ts';

/** A page that could not be rendered. */
export interface WarmFailure {
  readonly name: string;
  readonly error: unknown;
}

/** What `warm` has done. */
export interface WarmResult {
  /** How many pages were rendered. */
  readonly rendered: number;
  /** The pages that failed, 1,000 at most. */
  readonly failed: readonly WarmFailure[];
}

/** What warming needs of the sweeper. */
export interface WarmParts {
  /** Whether a page can be rendered in its environment; throws where it cannot. */
  readonly checkInstalled: (page: WarmPage) => void;
  /** Throws where nothing can be cached any more. */
  readonly checkOpen: () => void;
  readonly render: (page: WarmPage, context: object, since: number | undefined) => Promise<string>;
  /** Resolves when the entries that have been made so far are in the store. */
  readonly written: () => Promise<void>;
  /** Reports an error that no caller waits for. */
  readonly report: (error: unknown) => void;
  /** Returns milliseconds since 1970. */
  readonly now: () => number;
}

/** Failures that are kept for the result; the others are counted only. */
const MAX_FAILURES = 1_000;

/**
 * Renders pages, so that their fragments are cached. Takes the next page when one can be rendered, so that neither pages nor
 * entries to be written pile up.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION; CACHESWEEPER_INSTALL
 */
export async function warm(pages: WarmPages, options: WarmOptions, parts: WarmParts): Promise<WarmResult> {
  const settings = checkWarmOptions(options);
  checkWarmPages(pages);
  const all = Array.isArray(pages) ? pages.length : undefined;
  if (Array.isArray(pages)) for (const page of pages) parts.checkInstalled(page);
  const { signal } = settings;
  signal?.throwIfAborted();
  const warming = new Warming(parts, settings, all);
  if (signal === undefined) return warming.run(pages);
  // A page, or what gives pages, may take for ever: whoever aborts does not wait for it.
  let abort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort);
  });
  try {
    return await Promise.race([warming.run(pages), aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** One call of {@link warm}. */
class Warming {
  readonly #parts: WarmParts;
  readonly #settings: WarmSettings;
  readonly #all: number | undefined;
  readonly #failures: WarmFailure[] = [];
  #begun = 0;
  #rendered = 0;
  #failed = 0;
  /** Called when a page has ended. */
  #ended = (): void => {};

  constructor(parts: WarmParts, settings: WarmSettings, all: number | undefined) {
    this.#parts = parts;
    this.#settings = settings;
    this.#all = all;
  }

  async run(pages: WarmPages): Promise<WarmResult> {
    try {
      for await (const page of pages) {
        if (this.#isAborted) break;
        this.#parts.checkOpen();
        checkWarmPage(page, this.#begun);
        this.#parts.checkInstalled(page);
        this.#begun++;
        void this.#warm(page);
        await this.#atMost(this.#settings.concurrency - 1);
      }
    } finally {
      // Pages that have begun end before the caller goes on, also where the next page is wrong.
      await this.#atMost(0);
    }
    return { rendered: this.#rendered, failed: this.#failures };
  }

  get #isAborted(): boolean {
    return this.#settings.signal?.aborted ?? false;
  }

  get #done(): number {
    return this.#rendered + this.#failed;
  }

  /** Resolves when no more pages than so many are being rendered. */
  async #atMost(count: number): Promise<void> {
    while (this.#begun - this.#done > count) {
      await new Promise<void>((resolve) => {
        this.#ended = resolve;
      });
    }
  }

  async #warm(page: WarmPage): Promise<void> {
    const { name } = page;
    try {
      await this.#render(page);
      this.#rendered++;
    } catch (error) {
      this.#failed++;
      if (this.#failures.length < MAX_FAILURES) this.#failures.push({ name, error });
    }
    this.#progressed(name);
    this.#ended();
  }

  async #render(page: WarmPage): Promise<void> {
    const { context = {}, since } = page;
    const render = (variables: unknown, began: number | undefined) =>
      this.#parts.render(page, checkContext(`warm() context of ${page.name}`, variables), began);
    if (typeof context !== 'function') await render(context, since);
    else {
      // The data that the function reads is younger than its call.
      const began = since ?? this.#parts.now();
      await inRequest(began, async () => render(await context(), began));
    }
    // A page's place is free when its entries are written: a slow store is not given more than it takes.
    await this.#parts.written();
    this.#parts.checkOpen();
  }

  #progressed(name: string): void {
    if (this.#isAborted) return;
    const { onProgress } = this.#settings;
    try {
      const returned = onProgress?.({ done: this.#done, failed: this.#failed, all: this.#all, name });
      if (returned instanceof Promise) returned.catch(this.#parts.report);
    } catch (error) {
      this.#parts.report(error);
    }
  }
}
