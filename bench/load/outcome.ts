import { LOAD } from './database.ts';
import type { Visits } from './process.ts';

/** What one run of a situation has shown; times in milliseconds. */
export interface Outcome {
  /** Loads of the database; or loads for each bump, or for each ttl that passed. */
  readonly loads: number;
  /** How long the median visitor waited. */
  readonly median: number;
  /** How long 99 % of the visitors waited at most. */
  readonly p99: number;
  readonly longest: number;
  readonly errors: number;
}

/** What ours must not exceed. Where a field is absent there is no goal for it. */
export type Goal = Partial<Outcome>;

/** "No page waits longer than one load + 60 ms when nothing fails." */
export const ONE_LOAD: number = LOAD + 60;

export function outcomeOf(loads: number, { waits, errors }: Visits): Outcome {
  const sorted = waits.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { loads, median: at(0.5), p99: at(0.99), longest: sorted.at(-1) ?? 0, errors };
}

/** The median of several runs, figure by figure. */
export function medianOf(outcomes: readonly Outcome[]): Outcome {
  const of = (figure: keyof Outcome) => middle(outcomes.map((outcome) => outcome[figure]));
  return { loads: of('loads'), median: of('median'), p99: of('p99'), longest: of('longest'), errors: of('errors') };
}

/** The median, between two values where their number is even: there are few. */
export function middle(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  return ((sorted[Math.ceil(half) - 1] ?? 0) + (sorted[Math.floor(half)] ?? 0)) / 2;
}

/** Whether a goal is met, by the figures as they are printed. */
export function meets(outcome: Outcome, goal: Goal): boolean {
  return (Object.keys(goal) as (keyof Outcome)[]).every((figure) => rounded(outcome, figure) <= (goal[figure] ?? 0));
}

function rounded(outcome: Outcome, figure: keyof Outcome): number {
  return figure === 'loads' ? Number(outcome.loads.toFixed(1)) : Math.round(outcome[figure]);
}

/** @param per what loads are counted for, if not for the whole run: `bump` */
export function shownGoal(goal: Goal, per: string | undefined): string {
  const parts: string[] = [];
  if (goal.loads !== undefined) parts.push(`loads${per === undefined ? '' : ` per ${per}`} ≤ ${goal.loads}`);
  if (goal.p99 !== undefined) parts.push(`p99 ≤ ${goal.p99} ms`);
  if (goal.longest !== undefined) parts.push(`longest ≤ ${goal.longest} ms`);
  if (goal.errors !== undefined) parts.push(`errors ≤ ${goal.errors}`);
  return parts.join(', ');
}

export function shownOutcome({ loads, median, p99, longest, errors }: Outcome, per: string | undefined): string {
  const times = `median ${Math.round(median)}, p99 ${Math.round(p99)}, longest ${Math.round(longest)} ms`;
  return `${counted(Number(loads.toFixed(1)), per)}; ${times}${errors > 0 ? `; ${errors} error${errors === 1 ? '' : 's'}` : ''}`;
}

function counted(loads: number, per: string | undefined): string {
  return `${loads.toLocaleString('en')} load${loads === 1 ? '' : 's'}${per === undefined ? '' : ` per ${per}`}`;
}
