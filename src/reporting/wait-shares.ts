import type { FragmentReport } from './report.ts';

type Shared = Pick<FragmentReport, 'outcome' | 'cost'>;

/**
 * Shares out the time that a page waited for the store among its fragments, by what their bodies cost: a page waits once for all of
 * them, so a cheap one alone makes it wait no longer, and the wait is a loss only where they save less together. What is not cached is
 * not waited for, unless nothing on the page is.
 *
 * @param waited milliseconds
 * @returns the share of a fragment
 */
export function waitShares(fragments: readonly Shared[], waited: number): (fragment: Shared) => number {
  let total = 0;
  for (const fragment of fragments) total += weightOf(fragment);
  return (fragment) => (total > 0 ? (waited * weightOf(fragment)) / total : waited / fragments.length);
}

function weightOf({ outcome, cost }: Shared): number {
  return outcome === 'uncached' ? 0 : cost;
}
