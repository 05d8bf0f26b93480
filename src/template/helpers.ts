import { isPlain } from '../fragment/plain.ts';
import type { Environment } from './nunjucks.ts';

/** What an environment has for all its pages, and is the same in each. */
export class Helpers {
  readonly #env: Environment;
  readonly #names = new WeakMap<object, string>();
  readonly #own: { readonly tests: ReadonlySet<unknown>; readonly filters: ReadonlySet<unknown> };

  constructor(env: Environment) {
    this.#env = env;
    this.#own = ownOf(env);
  }

  /** The name of a global, or of a function in an object that is one; undefined for any other value. */
  nameOf(called: unknown): string | undefined {
    if (typeof called !== 'function') return undefined;
    const known = this.#names.get(called);
    if (known !== undefined && this.#find(known) === called) return known;
    const found = this.#search(called);
    if (found !== undefined) this.#names.set(called, found);
    return found;
  }

  /** Whether a filter or test is Nunjucks' own: those do not look at the page's variables. */
  isOwn(called: unknown): boolean {
    return this.#own.tests.has(called) || this.#own.filters.has(called);
  }

  /** Whether it looks at what kind of value it is handed, and never into it: the tests of Nunjucks' own do. */
  isStructural(called: unknown): boolean {
    return this.#own.tests.has(called);
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

/** Nunjucks' own tests and filters, found in an environment that nobody has added to. */
function ownOf(env: Environment): { readonly tests: ReadonlySet<unknown>; readonly filters: ReadonlySet<unknown> } {
  let prototype: object | null = Object.getPrototypeOf(env);
  while (prototype !== null && !Object.hasOwn(prototype, 'addTest')) prototype = Object.getPrototypeOf(prototype);
  type Bare = { readonly tests: object; readonly filters: object };
  const Bare = prototype?.constructor as (new (loaders: readonly never[]) => Bare) | undefined;
  try {
    const bare = Bare === undefined ? { tests: {}, filters: {} } : new Bare([]);
    return { tests: new Set(Object.values(bare.tests)), filters: new Set(Object.values(bare.filters)) };
  } catch {
    return { tests: new Set(), filters: new Set() };
  }
}
