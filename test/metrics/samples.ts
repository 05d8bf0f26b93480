/** What a scrape shows. */
export interface Samples {
  /** By name and labels, as they are written: `cachesweeper_fragments_total{tag="page.njk:1",outcome="hit"}`. */
  readonly values: ReadonlyMap<string, number>;
  /** Bounds and counts of a histogram, in order. */
  buckets(name: string): readonly (readonly [le: string, count: number])[];
  /** Values of a label of one metric. */
  labels(name: string, label: string): ReadonlySet<string>;
}

/** Reads Prometheus' text format. A line that stands there twice is an error, as it is for Prometheus. */
export function samplesOf(text: string): Samples {
  const values = new Map<string, number>();
  for (const [, name, value] of text.matchAll(/^([a-zA-Z_].*) (\S+)$/gm)) {
    if (values.has(name as string)) throw new Error(`two values for ${name}`);
    values.set(name as string, Number(value));
  }
  const of = (name: string) => [...values].filter(([line]) => line.startsWith(`${name}{`));
  return {
    values,
    buckets: (name) => of(`${name}_bucket`).map(([line, count]) => [/le="([^"]+)"/.exec(line)?.[1] ?? '', count]),
    labels: (name, label) =>
      new Set(of(name).map(([line]) => new RegExp(`[{,]${label}="([^"]*)"`).exec(line)?.[1] ?? '')),
  };
}
