import type { Entries, KeyedEntry } from '../cache/entries.ts';
import type { Maker } from '../render/making/maker.ts';
import type { Making } from '../render/making/making.ts';
import type { Makings } from '../render/making/makings.ts';
import type { MissReason } from './miss-reason.ts';

/** The entries of a view: of what was read for its address, and its own, by memory key. */
export type KeptViews = ReadonlyMap<string, readonly KeyedEntry[]>;

/** How long who waits for a view that was written waits for the client that reads it, in milliseconds. */
const READING_TIME = 100;

/**
 * Reasons that tell of one answer, and not of the view: the next request may make one that can be kept. Others come
 * again, and with each of them those who wait would have waited in vain.
 */
const FAILURES: ReadonlySet<MissReason> = new Set<MissReason>(['error', 'error page', 'aborted', 'incomplete']);
/** Statuses from here on tell of a failure; a redirect or what is not found is an answer like others. */
const SERVER_ERROR = 500;

/** A view that one request makes, while others may wait for it: of this process, and of others by its lease. */
export class ViewMaking {
  readonly #makings: Makings<KeptViews>;
  readonly maker: Maker;
  /** Its leases. */
  readonly held: Set<string> = new Set();
  readonly #making: Making<KeptViews> | undefined;
  readonly #entries: Pick<Entries, 'release'>;
  #reading: NodeJS.Timeout | undefined;

  /** @param making undefined where nobody of this process waits for it */
  constructor(
    makings: Makings<KeptViews>,
    maker: Maker,
    making: Making<KeptViews> | undefined,
    entries: Pick<Entries, 'release'>,
  ) {
    this.#makings = makings;
    this.maker = maker;
    this.#making = making;
    this.#entries = entries;
  }

  /** All of the answer was written. When it has been sent depends on its client, for whom others wait shortly. */
  written(): void {
    this.#reading ??= setTimeout(() => this.#failed(), READING_TIME).unref();
  }

  /** Its client has it, or is gone. */
  sent(): void {
    clearTimeout(this.#reading);
  }

  /**
   * The answer is not kept.
   *
   * @param status of the response, as far as it is set
   */
  refused(reason: MissReason, status: number): void {
    if (FAILURES.has(reason) || (reason === 'status' && status >= SERVER_ERROR)) this.#failed();
    else this.release();
  }

  /** This answer cannot be kept, or not soon. Another may be. */
  #failed(): void {
    this.#end();
    this.#entries.release(this.held, 'failed');
  }

  /** Nobody is to wait for it, nor for the next one. */
  release(): void {
    if (this.#isOpen) this.#makings.refuse(this.#making as Making<KeptViews>);
    this.#end();
    this.#entries.release(this.held, 'free');
  }

  /** The view is kept. The leases end when it is stored. */
  kept(views: KeptViews): void {
    if (this.#isOpen) this.#makings.done(this.#making as Making<KeptViews>, views);
    this.#end();
  }

  #end(): void {
    this.sent();
    this.maker.end();
  }

  /** Whether others wait for this one. It may have taken too long. */
  get #isOpen(): boolean {
    const making = this.#making;
    return making !== undefined && making.result === undefined && making.maker === this.maker;
  }
}
