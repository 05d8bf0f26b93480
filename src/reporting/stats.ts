import type { FragmentDraft, UncachedReason } from './report.ts';
import { waitShares } from './wait-shares.ts';

/** Result of verifying a hit. `checked`: the html was the same. `skipped`: nothing can be said of it. */
export type Verified = 'checked' | 'differed' | 'skipped';

/** Counts for one tag, or for the views of one route, since the sweeper was made. */
export interface TagStats {
  /** Name of the template; `view` and the route's name or pattern for views. */
  readonly template: string;
  /** 0 for views. */
  readonly line: number;
  readonly hits: number;
  /** Hits among them that were served although the store could not be asked: the option `outage`. */
  readonly outageHits: number;
  readonly misses: number;
  /** How often it was rendered and not stored, by reason; for views, a reason of theirs. */
  readonly uncached: Readonly<Partial<Record<UncachedReason, number>>>;
  /** Verified hits: `checked` were the same, `differed` were not, of `skipped` ones nothing can be said. */
  readonly verified: Readonly<Record<Verified, number>>;
  /** Milliseconds spent rendering its body. */
  readonly timeRendering: number;
  /** Milliseconds saved by hits: for each, the time its body took when it was stored. */
  readonly timeSaved: number;
  /** Milliseconds spent looking for it, for hits and misses, including its share of waiting for the store. */
  readonly timeLooking: number;
  /** `timeSaved` less `timeLooking`. Below 0, the site would be faster without the tag. */
  readonly netBenefit: number;
}

interface Counters {
  readonly template: string;
  readonly line: number;
  hits: number;
  outageHits: number;
  misses: number;
  readonly uncached: Partial<Record<UncachedReason, number>>;
  readonly verified: Record<Verified, number>;
  timeRendering: number;
  timeSaved: number;
  timeLooking: number;
  /** Average time of one lookup, in milliseconds. Later timings count more. */
  lookup: number;
  timed: number;
}

/** Limit of tags counted one by one. Further tags are counted together, under this name. */
const MAX_TAGS = 2_000;
const OTHERS = '(others)';
/** Number of timings in an average. It forgets the first ones, which are slow because V8 is still compiling. */
const AVERAGE_OF = 32;
/** With fewer uses, the counts do not tell whether a tag is worth it. */
const MIN_USES = 100;

/** Outcome of a request for a view, as far as the cache took part in it. */
export interface ViewDraft {
  /** Name or pattern of its route. */
  readonly route: string;
  readonly outcome: 'hit' | 'miss';
  /** Why it was not stored; for a hit `stale` or `outage`, as in reports. */
  readonly reason: string | undefined;
  /** Milliseconds that the handler took; for a hit, when the view was stored. */
  readonly cost: number;
  /** Milliseconds that looking for it, and filling its holes, took. */
  readonly lookup: number;
}

/** Counts the outcomes of fragments, by template and line. */
export class Stats {
  readonly #tags = new Map<string, Counters>();
  #last: Counters | undefined;

  /** @param waited milliseconds that the page waited for the store: see {@link waitShares} */
  add(fragments: readonly FragmentDraft[], waited: number): void {
    const shareOf = waitShares(fragments, waited);
    for (const fragment of fragments) {
      const { template, line, outcome, reason, cost } = fragment;
      const tag = this.#counters(template, line);
      fragment.lookup = lookupOf(tag, fragment.lookup) + shareOf(fragment);
      fragment.netBenefit = (outcome === 'hit' ? cost : 0) - fragment.lookup;
      tag.timeLooking += fragment.lookup;
      if (outcome === 'hit') {
        tag.hits++;
        if (reason === 'outage') tag.outageHits++;
        tag.timeSaved += cost;
        continue;
      }
      if (reason === undefined) tag.misses++;
      else countIn(tag.uncached, reason);
      tag.timeRendering += cost;
    }
  }

  addView({ route, outcome, reason, cost, lookup }: ViewDraft): void {
    const view = this.#counters(`view ${route}`, 0);
    view.timeLooking += lookup;
    if (outcome === 'hit') {
      view.hits++;
      if (reason === 'outage') view.outageHits++;
      view.timeSaved += cost;
      return;
    }
    if (reason === undefined) view.misses++;
    else countIn(view.uncached as Record<string, number>, reason);
    view.timeRendering += cost;
  }

  /** Counts a verified hit. */
  verify({ template, line }: { readonly template: string; readonly line: number }, verified: Verified): void {
    this.#counters(template, line).verified[verified]++;
  }

  /** Returns the counts, most time saved first. */
  tags(): TagStats[] {
    return Array.from(this.#tags.values(), ({ lookup, timed, ...tag }) => ({
      ...tag,
      uncached: { ...tag.uncached },
      verified: { ...tag.verified },
      netBenefit: tag.timeSaved - tag.timeLooking,
    })).sort((a, b) => b.timeSaved - a.timeSaved);
  }

  /** Returns tags that were used often and took more time than they saved, worst first. */
  notWorthCaching(): TagStats[] {
    return this.tags()
      .filter((tag) => tag.netBenefit < 0 && usesOf(tag) >= MIN_USES)
      .sort((a, b) => a.netBenefit - b.netBenefit);
  }

  #counters(template: string, line: number): Counters {
    // In a loop the same tag comes again and again.
    const last = this.#last;
    if (last?.line === line && last.template === template) return last;
    const found = this.#find(template, line);
    this.#last = found;
    return found;
  }

  #find(template: string, line: number): Counters {
    const key = `${template}:${line}`;
    const found = this.#tags.get(key);
    if (found !== undefined) return found;
    if (this.#tags.size >= MAX_TAGS && template !== OTHERS) return this.#find(OTHERS, 0);
    const fresh: Counters = {
      template,
      line,
      hits: 0,
      outageHits: 0,
      misses: 0,
      uncached: {},
      verified: { checked: 0, differed: 0, skipped: 0 },
      timeRendering: 0,
      timeSaved: 0,
      timeLooking: 0,
      lookup: 0,
      timed: 0,
    };
    this.#tags.set(key, fresh);
    return fresh;
  }
}

function countIn(counts: Partial<Record<string, number>>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

function usesOf({ hits, misses, uncached }: TagStats): number {
  return Object.values(uncached).reduce((sum, count) => sum + count, hits + misses);
}

/** Returns the time of a lookup, or the tag's average if this one was not measured (NaN). 0: nothing was looked for. */
function lookupOf(tag: Counters, timing: number): number {
  if (timing === 0) return 0;
  if (Number.isNaN(timing)) return tag.lookup;
  tag.timed++;
  tag.lookup += (timing - tag.lookup) / Math.min(tag.timed, AVERAGE_OF);
  return timing;
}
