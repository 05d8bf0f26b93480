import type { FragmentDraft, UncachedReason } from './report.ts';

/** What became of a hit that was chosen. `skipped`: nothing can be said of it. */
export type Verified = 'checked' | 'differed' | 'skipped';

/** What became of one tag, since the sweeper was made. */
export interface TagStats {
  readonly template: string;
  readonly line: number;
  readonly hits: number;
  readonly misses: number;
  /** Rendered and not stored, by reason. */
  readonly uncached: Readonly<Partial<Record<UncachedReason, number>>>;
  /** Hits that were verified: the same, not the same, and those of which nothing can be said. */
  readonly verified: Readonly<Record<Verified, number>>;
  /** Milliseconds spent rendering its body. */
  readonly timeRendering: number;
  /** Milliseconds that hits did not spend rendering its body: what each body took when it was stored. */
  readonly timeSaved: number;
  /** Milliseconds spent looking for it, hits and misses alike, with its share of the waiting for the store. */
  readonly timeLooking: number;
  /** `timeSaved` less `timeLooking`: below 0 the site would be faster without the tag. */
  readonly netBenefit: number;
}

interface Counters {
  readonly template: string;
  readonly line: number;
  hits: number;
  misses: number;
  readonly uncached: Partial<Record<UncachedReason, number>>;
  readonly verified: Record<Verified, number>;
  timeRendering: number;
  timeSaved: number;
  timeLooking: number;
  /** What one lookup takes in the process: an average in which the last timings count most. */
  lookup: number;
  timed: number;
}

/** Tags counted one by one; what comes beyond is counted together, under this name. */
const MAX_TAGS = 2_000;
const OTHERS = '(others)';
/** Timings that an average is made of. The first are slow, because code is still being compiled. */
const AVERAGE_OF = 32;
/** Fewer uses than this say nothing about whether a tag is worth it. */
const MIN_USES = 100;

/** Counts what became of fragments, by template and line. */
export class Stats {
  readonly #tags = new Map<string, Counters>();
  #last: Counters | undefined;

  /** @param waited milliseconds that their page waited for the store: shared out among all its fragments */
  add(fragments: readonly FragmentDraft[], waited: number): void {
    const share = waited / fragments.length;
    for (const fragment of fragments) {
      const { template, line, outcome, reason, cost } = fragment;
      const tag = this.#counters(template, line);
      fragment.lookup = lookupOf(tag, fragment.lookup) + share;
      fragment.netBenefit = (outcome === 'hit' ? cost : 0) - fragment.lookup;
      tag.timeLooking += fragment.lookup;
      if (outcome === 'hit') {
        tag.hits++;
        tag.timeSaved += cost;
        continue;
      }
      if (reason === undefined) tag.misses++;
      else tag.uncached[reason] = (tag.uncached[reason] ?? 0) + 1;
      tag.timeRendering += cost;
    }
  }

  /** A hit of a tag was verified. */
  verify({ template, line }: { readonly template: string; readonly line: number }, verified: Verified): void {
    this.#counters(template, line).verified[verified]++;
  }

  /** The counts as they are now, most time saved first. */
  tags(): TagStats[] {
    return Array.from(this.#tags.values(), ({ lookup, timed, ...tag }) => ({
      ...tag,
      uncached: { ...tag.uncached },
      verified: { ...tag.verified },
      netBenefit: tag.timeSaved - tag.timeLooking,
    })).sort((a, b) => b.timeSaved - a.timeSaved);
  }

  /** Tags that were used often and took more time than they saved, the worst first. */
  notWorthCaching(): TagStats[] {
    return this.tags()
      .filter((tag) => tag.netBenefit < 0 && usesOf(tag) >= MIN_USES)
      .sort((a, b) => a.netBenefit - b.netBenefit);
  }

  #counters(template: string, line: number): Counters {
    // A loop shows the same tag again and again.
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

function usesOf({ hits, misses, uncached }: TagStats): number {
  return Object.values(uncached).reduce((sum, count) => sum + count, hits + misses);
}

/** What a lookup took, or what the tag's lookups took so far if this one was not timed. */
function lookupOf(tag: Counters, timing: number): number {
  if (Number.isNaN(timing)) return tag.lookup;
  tag.timed++;
  tag.lookup += (timing - tag.lookup) / Math.min(tag.timed, AVERAGE_OF);
  return timing;
}
