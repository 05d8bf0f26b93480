import type { Functions } from '../../render/functions.ts';
import { digest } from '../../util/digest.ts';
import { isPlain } from '../../util/plain.ts';
import type { Environment } from '../nunjucks.ts';
import { NunjucksOwn } from './nunjucks-own.ts';
import { sourceOf } from './source-of.ts';

const REPLACED = Symbol('replaced');
const SEVERAL = Symbol('several');
const CHARACTERS = 16;

/** The place of a helper: a global, a function in a global object, a filter or a test. */
interface Place {
  readonly kind: 'g' | 'f' | 't';
  readonly name: string;
  readonly member?: string;
}

interface Known {
  readonly place: Place;
  readonly label: string;
  /** Its place and a digest of its source. Every process that runs this code has the same text. */
  readonly text: string;
  /** Whether it is one of Nunjucks' own globals. */
  readonly isOwn: boolean;
}

/**
 * Identifies the helpers of an environment: its globals, filters and tests, which are the same on each page. A helper
 * that was there when the sweeper was installed, or was added by the same run of code, is identified by its name and
 * source, in every process. One added later is treated like a function of a page until a second page has met it,
 * because it may have been set for one request.
 */
export class Helpers {
  readonly #env: Environment;
  readonly #functions: Functions;
  /** The name of the environment. */
  readonly #of: string;
  /** Helpers already looked up; undefined for functions that are no helpers, which stay functions of the page. */
  readonly #known = new WeakMap<object, Known | undefined>();
  /** The function found at each place; `REPLACED` once there were two. */
  readonly #holders = new Map<string, unknown>();
  readonly #first: WeakSet<object>;
  /** Those that Nunjucks brings. */
  readonly own: NunjucksOwn;

  /**
   * @param of name of the environment, if it has one
   * @param original helpers of the environment that this one is a clone of. Only those that were there when the sweeper
   *   was installed in the original are taken for helpers: others may have been added for one request
   */
  constructor(env: Environment, functions: Functions, of: string, original?: Helpers) {
    this.#env = env;
    this.#functions = functions;
    this.#of = of;
    this.own = original === undefined ? new NunjucksOwn(env) : original.own;
    this.#first = original === undefined ? new WeakSet() : original.#first;
    if (original !== undefined) return;
    functions.whenSettled(() => {
      for (const [, called] of this.#all()) {
        this.#first.add(called);
        this.#sharedText(called);
      }
    });
  }

  /**
   * Returns the text that identifies a helper; undefined for other values, and for helpers whose place another one has
   * taken.
   */
  textOf(called: unknown, page: object): string | undefined {
    if (typeof called !== 'function') return undefined;
    this.#functions.settle();
    const text = this.#sharedText(called);
    if (text === undefined) return undefined;
    const isTrusted = this.#first.has(called) || this.#functions.text(called, page) !== undefined;
    if (!isTrusted) return undefined;
    // Two helpers of one source may be closures over different values. Another process cannot tell which is which.
    return text === SEVERAL ? this.#functions.mark(called) : text;
  }

  /** Returns the text for all processes; `SEVERAL` if it stands for other helpers too. */
  #sharedText(called: object): string | typeof SEVERAL | undefined {
    const known = this.#knownAs(called);
    if (known === undefined) return undefined;
    const { label, text, isOwn } = known;
    if (isOwn) return label;
    const holder = this.#holders.get(label);
    if (holder !== called) this.#holders.set(label, holder === undefined ? called : REPLACED);
    // A name that has stood for two functions identifies neither.
    if (this.#holders.get(label) !== called) return undefined;
    return this.#functions.isOnly(`${this.#of}\n${text}`, called) ? text : SEVERAL;
  }

  #knownAs(called: object): Known | undefined {
    const known = this.#known.get(called);
    if (known !== undefined && this.#at(known.place) === called) return known;
    if (known === undefined && this.#known.has(called)) return undefined;
    for (const [place, other] of this.#all()) {
      if (other !== called) continue;
      const { kind, name, member } = place;
      const label = `${kind}${JSON.stringify(member === undefined ? [name] : [name, member])}`;
      const source = sourceOf(called);
      const isOwn = kind === 'g' && member === undefined && this.own.hasGlobal(name, source);
      const found = { place, label, isOwn, text: `${label}${digest(source, CHARACTERS)}` };
      this.#known.set(called, found);
      return found;
    }
    this.#known.set(called, undefined);
    return undefined;
  }

  #at({ kind, name, member }: Place): unknown {
    const { filters, tests, globals } = this.#env;
    if (kind !== 'g') return (kind === 'f' ? filters : tests)[name];
    const value = (globals as Readonly<Record<string, unknown>>)[name];
    return member === undefined ? value : dataOf(value, member);
  }

  *#all(): Iterable<readonly [Place, object]> {
    const { filters, tests, globals } = this.#env;
    for (const [name, value] of Object.entries(globals)) {
      if (typeof value === 'function') yield [{ kind: 'g', name }, value];
      if (typeof value !== 'object' || value === null || !isPlain(value)) continue;
      for (const member of Object.keys(value)) {
        const found = dataOf(value, member);
        if (typeof found === 'function') yield [{ kind: 'g', name, member }, found];
      }
    }
    for (const [name, value] of Object.entries(filters)) {
      if (typeof value === 'function' && !this.own.has(value)) yield [{ kind: 'f', name }, value];
    }
    for (const [name, value] of Object.entries(tests)) {
      if (typeof value === 'function' && !this.own.has(value)) yield [{ kind: 't', name }, value];
    }
  }
}

function dataOf(value: unknown, member: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, member)?.value;
}
