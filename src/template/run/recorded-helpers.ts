import type { Context } from '../nunjucks.ts';
import type { NunjucksOwn } from './nunjucks-own.ts';
import type { TemplateReading } from './page-runtime.ts';

export type Called = (this: unknown, ...args: unknown[]) => unknown;

/**
 * Makes the filters and tests of one environment record the values they receive. They tell the body that is rendered
 * when they are called: code of the site may call one that it got from `this.env`, with any `this` or none.
 */
export class RecordedHelpers {
  readonly #nunjucks: NunjucksOwn;
  readonly #fragments: { readonly reading: TemplateReading | undefined };
  readonly #known = new WeakMap<Called, Map<string, Called>>();

  constructor(nunjucks: NunjucksOwn, fragments: { readonly reading: TemplateReading | undefined }) {
    this.#nunjucks = nunjucks;
    this.#fragments = fragments;
  }

  /** Returns a filter or test that records what it receives. One that is not Nunjucks' own is a read itself. */
  of(name: string, called: Called): Called {
    const isOwn = this.#nunjucks.has(called);
    if (!isOwn) this.#fragments.reading?.helper(name, called);
    let known = this.#known.get(called);
    if (known === undefined) {
      known = new Map();
      this.#known.set(called, known);
    }
    let made = known.get(name);
    if (made === undefined) {
      made = isOwn ? this.#own(name, called) : this.#foreign(name, called);
      known.set(name, made);
    }
    return made;
  }

  #own(name: string, called: Called): Called {
    const isStructural = this.#nunjucks.isStructural(called);
    const isMoving = this.#nunjucks.isMoving(called);
    const fragments = this.#fragments;
    return function handed(this: unknown, ...args: unknown[]) {
      fragments.reading?.holes?.look(args[0]);
      // Fast path: most filters receive a single text or number.
      if (isStructural) return called.apply(this, args);
      if (args.length === 1 && !isObject(args[0])) return called.call(this, args[0]);
      if (args.some(isObject)) {
        const { reading } = fragments;
        const isMoved = isMoving && Array.isArray(args[0]);
        if (isMoved) reading?.iterate(args[0]);
        else reading?.hand(args);
        const value = called.apply(this, args);
        if (isMoved) reading?.hold(name, value);
        // A value picked from a list that a function returned was returned by that function as well.
        if (args.some((arg) => reading?.isGiven(arg))) reading?.given(value);
        return value;
      }
      return called.apply(this, args);
    };
  }

  /** Makes one that gets a recording context. */
  #foreign(name: string, called: Called): Called {
    const fragments = this.#fragments;
    return function handed(this: unknown, ...args: unknown[]) {
      const { reading } = fragments;
      if (reading === undefined) return called.apply(this, args);
      reading.holes?.look(args[0]);
      reading.hand(args);
      const value = called.apply(isContext(this) ? reading.recording(this) : this, args);
      reading.given(value);
      reading.hold(name, value);
      return value;
    };
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' || typeof value === 'function';
}

function isContext(value: unknown): value is Context {
  return typeof value === 'object' && value !== null && 'ctx' in value && 'lookup' in value;
}
