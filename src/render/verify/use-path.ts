/** Step of a path for what stands in the holes of a served fragment. */
const HOLES = 'holes';

/**
 * Numbers the uses of tags in one pass. Each use is counted within the body around it, because a count over the whole
 * page would change when a body is served in one render and rendered in another.
 */
export class UsePath {
  #text = '';
  /** Number of uses so far in the innermost open body, or in the page. */
  #count = 0;

  /** Runs one use of a tag. */
  inside<T>(run: () => T): T {
    this.#count++;
    return this.#below(`${this.#count}`, run);
  }

  /** Fills the holes of the current use, which is served. */
  inHoles<T>(run: () => T): T {
    return this.#below(HOLES, run);
  }

  #below<T>(step: string, run: () => T): T {
    const [text, count] = [this.#text, this.#count];
    this.#text = text === '' ? step : `${text}/${step}`;
    this.#count = 0;
    try {
      return run();
    } finally {
      this.#text = text;
      this.#count = count;
    }
  }

  /** Path of the current use: `3/1` is the first use in the body of the third, `3/holes/1` the first in its holes. */
  get text(): string {
    return this.#text;
  }
}

/** Returns the paths of the uses around a use, and those of them in whose holes it stands. */
export function around(path: string): { readonly uses: readonly string[]; readonly served: readonly string[] } {
  const steps = path.split('/');
  const uses = steps.slice(1).map((_step, i) => steps.slice(0, i + 1).join('/'));
  return { uses, served: uses.filter((_use, i) => steps[i + 1] === HOLES) };
}
