/**
 * Numbers the uses of tags in one pass. Each use is counted within the body around it, because a count over the whole
 * page would change when a body is served in one render and rendered in another.
 */
export class UsePath {
  /** Number of uses so far in each open body; the page comes first. */
  readonly #counts: number[] = [0];

  /** Runs one use of a tag. */
  inside<T>(run: () => T): T {
    const counts = this.#counts;
    const last = counts.length - 1;
    counts[last] = (counts[last] as number) + 1;
    counts.push(0);
    try {
      return run();
    } finally {
      counts.pop();
    }
  }

  /** Path of the current use: `3/1` is the first use in the body of the third. */
  get text(): string {
    return this.#counts.slice(0, -1).join('/');
  }
}

/** Returns the paths of the uses around a use. */
export function around(path: string): readonly string[] {
  const steps = path.split('/');
  return steps.slice(1).map((_step, i) => steps.slice(0, i + 1).join('/'));
}
