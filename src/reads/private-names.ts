/** Objects of a request. A name directly below one is private as if it were one of the page's variables. */
const CARRIERS: ReadonlySet<string> = new Set(['ctx', 'req', 'request', 'res', 'locals', 'state']);

const ANYWHERE = '**.';

/** A private value to which, or into which, a path leads. */
export interface PrivateValue {
  /** Number of steps of the path up to the value. */
  readonly length: number;
  /** The pattern that makes it private. */
  readonly pattern: string;
}

/**
 * Finds private values in paths. A pattern is a name, optionally with a final `*`. It applies to the page's variables
 * and directly below a chain of `ctx`, `req`, `request`, `res`, `locals` and `state`; with the prefix `**.` it applies
 * anywhere.
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

  /** Whether a name is private at any place. */
  isMentioned(name: string): boolean {
    return this.#here.patternOf(name) !== undefined || this.#anywhere.patternOf(name) !== undefined;
  }

  /** Returns how many steps of a path lead to a private value; undefined if it contains none. */
  privateLength(path: readonly string[]): number | undefined {
    return this.find(path)?.length;
  }

  /** Whether private values may be directly below a path, because it consists of `ctx`, `req` and the like only. */
  mayHold(path: readonly string[]): boolean {
    return path.every((step) => CARRIERS.has(step));
  }
}

/** Finds the pattern that matches a name. */
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
