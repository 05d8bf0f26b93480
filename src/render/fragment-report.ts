import type { Reads } from '../reads/reads.ts';
import type { Missing } from '../reporting/cause.ts';
import type { FragmentDraft, UncachedReason } from '../reporting/report.ts';
import type { FragmentCall } from './fragment-call.ts';
import type { Render } from './render.ts';

/** Tells the render's report what became of a fragment, and returns what it tells. `cost` and `lookup` are milliseconds. */
export function reportFragment(
  { pass, reader }: Render,
  { place: { template, line } }: FragmentCall,
  outcome: 'hit' | 'miss' | 'uncached',
  what: {
    readonly reason?: UncachedReason | undefined;
    readonly why?: string | undefined;
    readonly cost: number;
    readonly lookup: number | undefined;
    readonly reads?: Reads | undefined;
    readonly missing?: Missing | undefined;
  },
): FragmentDraft {
  const { reason, why, cost, lookup = Number.NaN, reads, missing } = what;
  const unseen = why === undefined ? undefined : `${template}:${line}: ${why}`;
  const paths = reads?.shape.paths ?? NONE;
  if (reads !== undefined && !reader.knowsAll) pass.shapes.add(reads.shape);
  const told = { template, line, outcome, reason, reads: paths, unseen, cost, lookup, netBenefit: 0 };
  const isCaused = missing !== undefined && outcome === 'miss';
  const report: FragmentDraft = isCaused ? { ...told, cause: missing.cause } : told;
  pass.reports.push(report);
  if (isCaused && missing.bumped.length > 0) pass.bumped.set(report, missing.bumped);
  return report;
}

const NONE: readonly never[] = [];

/** Milliseconds since a time; undefined when lookups are not timed. */
export function elapsed(started: number | undefined): number | undefined {
  return started === undefined ? undefined : performance.now() - started;
}
