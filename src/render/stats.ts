import type { FragmentReport, UncachedReason } from './report.ts';

/** What became of one tag, since the sweeper was made. */
export interface TagStats {
  readonly template: string;
  readonly line: number;
  readonly hits: number;
  readonly misses: number;
  /** Rendered and not stored, by reason. */
  readonly uncached: Readonly<Partial<Record<UncachedReason, number>>>;
  /** Milliseconds spent rendering its body. */
  readonly timeRendering: number;
  /** Milliseconds that hits did not spend rendering its body: what each body took when it was stored. */
  readonly timeSaved: number;
}

interface Counters {
  readonly template: string;
  readonly line: number;
  hits: number;
  misses: number;
  readonly uncached: Partial<Record<UncachedReason, number>>;
  timeRendering: number;
  timeSaved: number;
}

/** Tags counted one by one; what comes beyond is counted together, under this name. */
const MAX_TAGS = 2_000;
const OTHERS = '(others)';

/** Counts what became of fragments, by template and line. */
export class Stats {
  readonly #tags = new Map<string, Counters>();
  #last: Counters | undefined;

  add(fragments: readonly FragmentReport[]): void {
    for (const { template, line, outcome, reason, cost } of fragments) {
      const tag = this.#counters(template, line);
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

  /** The counts as they are now, most time saved first. */
  tags(): TagStats[] {
    return Array.from(this.#tags.values(), (tag) => ({ ...tag, uncached: { ...tag.uncached } })).sort(
      (a, b) => b.timeSaved - a.timeSaved,
    );
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
    const fresh: Counters = { template, line, hits: 0, misses: 0, uncached: {}, timeRendering: 0, timeSaved: 0 };
    this.#tags.set(key, fresh);
    return fresh;
  }
}
