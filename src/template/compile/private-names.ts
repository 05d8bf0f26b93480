/** Objects of a request: what stands directly below them is the visitor's as it would be among the page's variables. */
const CARRIERS: ReadonlySet<string> = new Set(['ctx', 'req', 'request', 'res', 'locals', 'state']);

const ANYWHERE = '**.';

/** A private value that a path leads to, or into. */
export interface PrivateValue {
  /** How many steps of the path are the value itself. */
  readonly length: number;
  /** The pattern that says so. */
  readonly pattern: string;
}

/**
 * Finds private values by their place. A pattern is a name, with or without a `*` at its end: private among the page's
 * variables and directly below a chain of `ctx`, `req`, `request`, `res`, `locals`, `state`. With `**.` in front it is
 * private wherever it stands.
 */
export class PrivateNames {
  readonly #here: Names;
  readonly #anywhere: Names;

  constructor(patterns: readonly string[]) {
    this.#here = new Names(patterns.filter((pattern) => !pattern.startsWith(ANYWHERE)));
    this.#anywhere = new Names(patterns.filter((pattern) => pattern.startsWith(ANYWHERE)));
  }

  find(path: readonly string[]): PrivateValue | undefined {
    let isCarried = true;
    for (let i = 0; i < path.length; i++) {
      const step = path[i] as string;
      const pattern = this.#anywhere.patternOf(step) ?? (isCarried ? this.#here.patternOf(step) : undefined);
      if (pattern !== undefined) return { length: i + 1, pattern };
      isCarried &&= CARRIERS.has(step);
    }
    return undefined;
  }

  /** Whether a name is private at some place. */
  isMentioned(name: string): boolean {
    return this.#here.patternOf(name) !== undefined || this.#anywhere.patternOf(name) !== undefined;
  }

  /** How many steps of a path are a private value; undefined when the path leads to none. */
  privateLength(path: readonly string[]): number | undefined {
    return this.find(path)?.length;
  }

  /** Whether private values are looked for directly below a path: it is nothing but `ctx`, `req` and so on. */
  mayHold(path: readonly string[]): boolean {
    return path.every((step) => CARRIERS.has(step));
  }
}

/** Patterns by the name they are for. */
class Names {
  readonly #exact = new Map<string, string>();
  readonly #beginnings: { readonly text: string; readonly pattern: string }[] = [];

  constructor(patterns: readonly string[]) {
    for (const pattern of patterns) {
      const name = pattern.startsWith(ANYWHERE) ? pattern.slice(ANYWHERE.length) : pattern;
      if (name.endsWith('*')) this.#beginnings.push({ text: name.slice(0, -1), pattern });
      else this.#exact.set(name, pattern);
    }
  }

  patternOf(step: string): string | undefined {
    const exact = this.#exact.get(step);
    if (exact !== undefined) return exact;
    for (const { text, pattern } of this.#beginnings) if (step.startsWith(text)) return pattern;
    return undefined;
  }
}
