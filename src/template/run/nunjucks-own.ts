import type { Environment } from '../nunjucks.ts';
import { sourceOf } from './source-of.ts';

type Named = Readonly<Record<string, unknown>>;

interface Helping {
  readonly tests: Named;
  readonly filters: Named;
}

interface Bare extends Helping {
  readonly globals: Named;
}

const NOTHING: Bare = { globals: {}, tests: {}, filters: {} };

/** Nunjucks' own filters that look at no element of the list they receive. */
const MOVING = ['length', 'first', 'last', 'reverse', 'slice', 'batch', 'default'];

/**
 * Whether a test reads nothing of what it receives, and so tells only types and identities apart. Others read a property
 * or use the text, as `is gt(5)` does.
 */
function readsNothing(test: (...args: unknown[]) => unknown): boolean {
  let hasRead = false;
  const read = (): undefined => {
    hasRead = true;
  };
  const probe = new Proxy({}, { get: read });
  try {
    test(probe, 1);
    test(1, probe);
  } catch {
    // It called a method, and the probe has none.
  }
  return !hasRead;
}

/** Returns the prototype of values that the filter `safe` marks; undefined for a class with another one, which may do anything. */
function prototypeOfSafe({ safe }: Named): unknown {
  try {
    return Object.getPrototypeOf((safe as (text: string) => unknown)(''));
  } catch {
    return undefined;
  }
}

/** Nunjucks' own filters, tests and globals, as they are in an environment to which nothing was added. */
export class NunjucksOwn {
  readonly #filterNames: readonly string[];
  readonly #testNames: readonly string[];
  /** The filters and tests by the index of their names. */
  readonly #filters: readonly unknown[];
  readonly #tests: readonly unknown[];
  readonly #all: ReadonlySet<unknown>;
  /** The source of each global. */
  readonly #globals: ReadonlyMap<string, string>;
  readonly #structural: ReadonlySet<unknown>;
  readonly #moving: ReadonlySet<unknown>;
  /** The prototype of values that are marked as safe. */
  readonly #safe: unknown;

  constructor(env: Environment) {
    const { globals, filters, tests } = bareLike(env);
    this.#filterNames = Object.keys(filters);
    this.#testNames = Object.keys(tests);
    this.#filters = Object.values(filters);
    this.#tests = Object.values(tests);
    this.#all = new Set([...this.#filters, ...this.#tests]);
    const functions = Object.entries(globals).filter(([, value]) => typeof value === 'function');
    this.#globals = new Map(functions.map(([name, value]) => [name, sourceOf(value as object)]));
    this.#structural = new Set(this.#tests.filter((test) => readsNothing(test as never)));
    this.#moving = new Set(MOVING.flatMap((name) => (name in filters ? [filters[name]] : [])));
    this.#safe = prototypeOfSafe(filters);
  }

  /** Whether a filter or test is Nunjucks' own. These do not look at the page's variables. */
  has(called: unknown): boolean {
    return this.#all.has(called);
  }

  /** Whether a global of a name has the source of Nunjucks' own. */
  hasGlobal(name: string, source: string): boolean {
    return this.#globals.get(name) === source;
  }

  /** Whether this copy of Nunjucks marked a value as safe, which shows in its class. */
  isMarkedSafe(value: object): boolean {
    return Object.getPrototypeOf(value) === this.#safe;
  }

  /**
   * Whether a filter only moves or counts the elements of a list. Reads of the elements are recorded when they are
   * used.
   */
  isMoving(called: unknown): boolean {
    return this.#moving.has(called);
  }

  /** Whether a test of Nunjucks reads nothing of what it receives. */
  isStructural(called: unknown): boolean {
    return this.#structural.has(called);
  }

  /** Whether all filters and tests are in place in an environment. */
  areIn({ filters, tests }: Helping): boolean {
    const [filterNames, testNames] = [this.#filterNames, this.#testNames];
    for (let i = 0; i < filterNames.length; i++)
      if (filters[filterNames[i] as string] !== this.#filters[i]) return false;
    for (let i = 0; i < testNames.length; i++) if (tests[testNames[i] as string] !== this.#tests[i]) return false;
    return true;
  }

  /**
   * Returns the names that no longer stand for Nunjucks' own filters and tests in an environment, each with the name of the
   * other function of Nunjucks that it stands for, if it does. A function from elsewhere is recorded as a read.
   */
  replacedIn({ filters, tests }: Helping): readonly (readonly string[])[] {
    return [
      ...replacedNames(this.#filterNames, this.#filters, filters),
      ...replacedNames(this.#testNames, this.#tests, tests),
    ];
  }
}

function replacedNames(names: readonly string[], bare: readonly unknown[], now: Named): string[][] {
  return names.flatMap((name, i) => {
    if (now[name] === bare[i]) return [];
    const other = names[bare.indexOf(now[name])];
    return [other === undefined ? [name] : [name, other]];
  });
}

/** Returns a new environment of the class of another one, without additions. */
function bareLike(env: Environment): Bare {
  let prototype: object | null = Object.getPrototypeOf(env);
  while (prototype !== null && !Object.hasOwn(prototype, 'addTest')) prototype = Object.getPrototypeOf(prototype);
  const Class = prototype?.constructor as (new (loaders: readonly never[]) => Bare) | undefined;
  try {
    return Class === undefined ? NOTHING : new Class([]);
  } catch {
    return NOTHING;
  }
}
