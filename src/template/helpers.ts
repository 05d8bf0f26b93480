import { isPlain } from '../fragment/plain.ts';
import type { Environment } from './nunjucks.ts';

/** What an environment has for all its pages, and is the same in each. */
export class Helpers {
  readonly #env: Environment;
  readonly #names = new WeakMap<object, string>();
  readonly #structural: ReadonlySet<unknown>;

  constructor(env: Environment) {
    this.#env = env;
    this.#structural = structuralOf(env);
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

  isStructural(called: unknown): boolean {
    return this.#structural.has(called);
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

/**
 * The tests of Nunjucks' own, and its `length`: found in an environment that nobody has added to. Tests ask what kind of value
 * something is.
 */
function structuralOf(env: Environment): ReadonlySet<unknown> {
  let prototype: object = Object.getPrototypeOf(env);
  while (!Object.hasOwn(prototype, 'addTest')) {
    const above: object | null = Object.getPrototypeOf(prototype);
    if (above === null) return new Set();
    prototype = above;
  }
  const Bare = prototype.constructor as new (loaders: readonly never[]) => Environment & { readonly tests: object };
  try {
    return new Set(Object.values(new Bare([]).tests));
  } catch {
    return new Set();
  }
}
