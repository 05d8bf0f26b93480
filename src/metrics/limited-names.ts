/** Stands for all names beyond the limit. */
const OTHER = 'other';
/** What `stats()` calls the tags beyond its own limit. */
const OTHERS = '(others)';

/**
 * Keeps the values of one label few, because each is a time series of its own. The first names stay, all others are `other`: a name
 * keeps its label for ever, so that what counts under it never becomes less.
 */
export class LimitedNames {
  readonly #limit: number;
  readonly #known = new Set<string>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  labelOf(name: string): string {
    if (this.#known.has(name)) return name;
    if (this.#known.size >= this.#limit || name === OTHERS) return OTHER;
    this.#known.add(name);
    return name;
  }
}
