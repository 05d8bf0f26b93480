import type { TagStats } from '../reporting/stats.ts';

/** Returned by `CacheSweeper.stats()`. */
export interface CacheSweeperStats {
  readonly memory: { readonly entries: number; readonly bytes: number };
  /** Names whose tokens this process keeps; 0 with a store. */
  readonly tokens: number;
  /** Batches of entries not written because too many writes were under way. */
  readonly writesDropped: number;
  /** Names that were bumped, and acknowledged if there is a store. */
  readonly bumped: number;
  /** Names whose bump the store has not acknowledged yet. */
  readonly bumpsWaiting: number;
  /** Values from the store that could not be opened or parsed; they count as misses. */
  readonly damaged: number;
  /**
   * Fragments and views that are being made now, pages and requests that wait for one of them, and how often one got what another had
   * made.
   */
  readonly making: { readonly running: number; readonly waiting: number; readonly coalesced: number };
  /** The store's own statistics, if it has any. */
  readonly store: object | undefined;
  readonly renders: number;
  /** Counts by template and line, most time saved first. */
  readonly tags: readonly TagStats[];
  /** Tags used at least 100 times that took more time than they saved, worst first. The site is faster without them. */
  readonly notWorthCaching: readonly TagStats[];
}

/** Adds up what fragments, views and leases count of what is being made. */
export function sumOf(
  ...all: readonly (Partial<CacheSweeperStats['making']> | undefined)[]
): CacheSweeperStats['making'] {
  const sum = (figure: keyof CacheSweeperStats['making']) =>
    all.reduce((total, counts) => total + (counts?.[figure] ?? 0), 0);
  return { running: sum('running'), waiting: sum('waiting'), coalesced: sum('coalesced') };
}
