/**
 * Tells the uses of tags in one pass apart by their number among the uses in the body around them. Numbers of all uses together
 * would change with each body that is served in one render and rendered in another.
 */
export class UsePath {
  /** How many uses each open body has had, that of the page first. */
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

  /** The use that is being run: `3/1` is the first in the body of the third. */
  get text(): string {
    return this.#counts.slice(0, -1).join('/');
  }
}

/** The paths of the uses around one. */
export function around(path: string): readonly string[] {
  const steps = path.split('/');
  return steps.slice(1).map((_step, i) => steps.slice(0, i + 1).join('/'));
}
