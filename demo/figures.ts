import { AsyncLocalStorage } from 'node:async_hooks';
import type { RequestHandler } from 'express';
import type { RenderReport } from 'nunjucks-cachesweeper';

/** What was noted while one request was served. */
export interface Figures {
  readonly startedAt: number;
  queries: number;
  report: RenderReport | undefined;
}

/**
 * Counts per request what it took to make its page. Requests run at the same time; each has its own figures because
 * queries and reports arrive in the async context of the request that caused them.
 */
export class FigureKeeper {
  readonly #current = new AsyncLocalStorage<Figures>();

  /** Express middleware: what follows is counted for this request. */
  readonly perRequest: RequestHandler = (_req, _res, next) => {
    this.#current.run({ startedAt: performance.now(), queries: 0, report: undefined }, next);
  };

  readonly countQuery = (): void => {
    const figures = this.#current.getStore();
    if (figures !== undefined) figures.queries += 1;
  };

  readonly noteReport = (report: RenderReport): void => {
    const figures = this.#current.getStore();
    if (figures !== undefined) figures.report = report;
  };

  get current(): Figures {
    const figures = this.#current.getStore();
    if (figures === undefined) throw new Error('no request is being served here');
    return figures;
  }
}

type Outcome = RenderReport['fragments'][number]['outcome'];

/** One place in a template, and what became of the fragments made there. */
interface Place extends Record<Outcome, number> {
  readonly place: string;
  /** Milliseconds that its bodies took, with what is inside them. */
  rendering: number;
  /** Milliseconds that the bodies of its hits had taken when they were stored. */
  saved: number;
  /** Why it was not kept, where it was not. */
  reason: string | undefined;
}

/** The figures as `strip.njk` shows them. */
export interface StripContext {
  readonly hit: number;
  readonly miss: number;
  readonly uncached: number;
  readonly outcomes: readonly Outcome[];
  readonly places: readonly Place[];
  readonly queries: number;
  readonly milliseconds: number;
  /** How often the template was run. */
  readonly passes: number;
}

/** @param isWhole whether the whole page came from the cache, without a template having run */
export function stripContext({ startedAt, queries, report }: Figures, isWhole: boolean): StripContext {
  if (isWhole) return wholePage(startedAt, queries);
  const fragments = report?.fragments ?? [];
  const count = (outcome: Outcome) => fragments.filter((fragment) => fragment.outcome === outcome).length;
  const places = new Map<string, Place>();
  for (const { template, line, outcome, reason, cost } of fragments) {
    const place = `${template}:${line}`;
    const row = places.get(place) ?? { place, hit: 0, miss: 0, uncached: 0, rendering: 0, saved: 0, reason: undefined };
    row[outcome] += 1;
    row.reason = reason ?? row.reason;
    row[outcome === 'hit' ? 'saved' : 'rendering'] += cost;
    places.set(place, row);
  }
  return {
    hit: count('hit'),
    miss: count('miss'),
    uncached: count('uncached'),
    outcomes: fragments.map(({ outcome }) => outcome),
    places: [...places.values()],
    queries,
    milliseconds: performance.now() - startedAt,
    passes: report?.passes ?? 0,
  };
}

function wholePage(startedAt: number, queries: number): StripContext {
  const place: Place = { place: 'whole page', hit: 1, miss: 0, uncached: 0, rendering: 0, saved: 0, reason: undefined };
  return {
    hit: 1,
    miss: 0,
    uncached: 0,
    outcomes: ['hit'],
    places: [place],
    queries,
    milliseconds: performance.now() - startedAt,
    passes: 0,
  };
}
