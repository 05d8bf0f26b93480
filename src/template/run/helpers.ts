import { isPlain } from '../../util/plain.ts';
import type { Environment } from '../nunjucks.ts';

const REPLACED = Symbol('replaced');

/** What an environment has for all its pages, and is the same in each. */
export class Helpers {
  readonly #env: Environment;
  readonly #names = new WeakMap<object, string>();
  /** Which function was met under each name. */
  readonly #holders = new Map<string, unknown>();
  readonly #own: Own;

  constructor(env: Environment) {
    this.#env = env;
    this.#own = ownOf(env);
  }

  /** The name of a global, or of a function in an object that is one; undefined for any other value. */
  nameOf(called: unknown): string | undefined {
    if (typeof called !== 'function') return undefined;
    const known = this.#names.get(called);
    if (known !== undefined && this.#holders.get(known) === called && this.#find(known) === called) return known;
    const found = this.#search(called);
    if (found === undefined) return undefined;
    const holder = this.#holders.get(found);
    this.#holders.set(found, holder === undefined ? called : holder === called ? called : REPLACED);
    // A name that has stood for two functions stands for none.
    if (this.#holders.get(found) !== called) return undefined;
    this.#names.set(called, found);
    return found;
  }

  /** Whether a filter or test is Nunjucks' own: those do not look at the page's variables. */
  isOwn(called: unknown): boolean {
    return this.#own.tests.has(called) || this.#own.filters.has(called);
  }

  /** Whether it is what this copy of Nunjucks marks as safe: it tells it from other objects by its class. */
  isMarkedSafe(value: object): boolean {
    return Object.getPrototypeOf(value) === this.#own.safe;
  }

  /** Whether it only moves the elements of a list, or counts them: what is read of them is recorded when they are looked into. */
  isMoving(called: unknown): boolean {
    return this.#own.moving.has(called);
  }

  /** Whether it looks at what kind of value it is handed, and never into it: most tests of Nunjucks' own. */
  isStructural(called: unknown): boolean {
    return this.#own.structural.has(called);
  }

  #find(name: string): unknown {
    const [global, member] = JSON.parse(name.slice(1)) as [string, string?];
    const value = (this.#env.globals as Readonly<Record<string, unknown>>)[global];
    return member === undefined ? value : dataOf(value, member);
  }

  #search(called: object): string | undefined {
    for (const [name, value] of Object.entries(this.#env.globals)) {
      if (value === called) return `g${JSON.stringify([name])}`;
      if (typeof value !== 'object' || value === null || !isPlain(value)) continue;
      for (const member of Object.keys(value)) {
        if (dataOf(value, member) === called) return `g${JSON.stringify([name, member])}`;
      }
    }
    return undefined;
  }
}

function dataOf(value: unknown, member: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, member)?.value;
}

interface Own {
  readonly tests: ReadonlySet<unknown>;
  readonly structural: ReadonlySet<unknown>;
  readonly filters: ReadonlySet<unknown>;
  readonly moving: ReadonlySet<unknown>;
  /** The class of what is marked as safe. */
  readonly safe: unknown;
}

/** Filters of Nunjucks' own that look at no element of the list they are handed. */
const MOVING = ['length', 'first', 'last', 'reverse', 'slice', 'batch', 'default'];

/** The one test that asks for a property. */
const LOOKS_INSIDE = 'iterable';

/** Nunjucks' own tests and filters, found in an environment that nobody has added to. */
function ownOf(env: Environment): Own {
  let prototype: object | null = Object.getPrototypeOf(env);
  while (prototype !== null && !Object.hasOwn(prototype, 'addTest')) prototype = Object.getPrototypeOf(prototype);
  type Bare = {
    readonly tests: Readonly<Record<string, unknown>>;
    readonly filters: Readonly<Record<string, unknown>>;
  };
  const Bare = prototype?.constructor as (new (loaders: readonly never[]) => Bare) | undefined;
  try {
    const bare = Bare === undefined ? { tests: {}, filters: {} } : new Bare([]);
    const { tests, filters } = bare;
    return {
      tests: new Set(Object.values(tests)),
      structural: new Set(Object.keys(tests).flatMap((name) => (name === LOOKS_INSIDE ? [] : [tests[name]]))),
      filters: new Set(Object.values(filters)),
      moving: new Set(MOVING.map((name) => filters[name])),
      safe: Object.getPrototypeOf((filters.safe as (text: string) => object)('')),
    };
  } catch {
    return { tests: new Set(), structural: new Set(), filters: new Set(), moving: new Set(), safe: undefined };
  }
}
