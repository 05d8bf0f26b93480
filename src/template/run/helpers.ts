import { isDeepStrictEqual } from 'node:util';
import type { Functions } from '../../render/functions.ts';
import { digest } from '../../util/digest.ts';
import { isPlain } from '../../util/plain.ts';
import type { Environment, Runtime } from '../nunjucks.ts';
import { RuntimeText } from './runtime-text.ts';

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
  readonly #runtime: RuntimeText;
  readonly #functions: Functions;
  /** The name of the environment. */
  readonly #of: string;
  /** Helpers already looked up; undefined for functions that are no helpers, which stay functions of the page. */
  readonly #known = new WeakMap<object, Known | undefined>();
  /** The function found at each place; `REPLACED` once there were two. */
  readonly #holders = new Map<string, unknown>();
  readonly #first: WeakSet<object>;
  readonly #own: Own;
  /** The helpers of the environment that this one is a clone of; these ones, if it is none. */
  readonly #original: Helpers;
  /** Extensions already looked up in the original environment. */
  readonly #originals = new WeakMap<object, object>();
  /** Text of an environment in which nothing was added or replaced. */
  #bareManner: string | undefined;

  /**
   * @param of name of the environment, if it has one
   * @param original helpers of the environment that this one is a clone of. Only those that were there when the sweeper
   *   was installed in the original are taken for helpers: others may have been added for one request
   */
  constructor(env: Environment, runtime: Runtime, functions: Functions, of: string, original?: Helpers) {
    this.#env = env;
    this.#runtime = new RuntimeText(runtime);
    this.#functions = functions;
    this.#of = of;
    this.#original = original === undefined ? this : original.#original;
    this.#own = original === undefined ? ownOf(env) : original.#own;
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
      const isOwn = kind === 'g' && member === undefined && this.#own.globals.get(name) === source;
      const found = { place, label, isOwn, text: `${label}${digest(source, CHARACTERS)}` };
      this.#known.set(called, found);
      return found;
    }
    this.#known.set(called, undefined);
    return undefined;
  }

  /**
   * Text of all that changes how the environment runs a template and is not recorded as a read: its name, the code of
   * Nunjucks' runtime, the names of Nunjucks' own filters and tests that were replaced, and other extensions. It is part
   * of each template digest.
   */
  get manner(): string {
    const { filters, tests, extensions } = this.#env;
    // Every page asks for each of its templates. Most environments have no other extension, and nothing was replaced.
    if (this.#bareManner !== undefined && this.#runtime.isSame() && this.#isBare()) return this.#bareManner;
    const { filterNames, testNames, bareFilters, bareTests } = this.#own;
    const replaced = [
      ...replacedNames(filterNames, bareFilters, filters),
      ...replacedNames(testNames, bareTests, tests),
    ];
    const others = Object.entries(extensions).flatMap(([name, extension]) => {
      if (name.startsWith('nunjucks-cachesweeper')) return [];
      const text = `e${JSON.stringify([name])}${extensionText(extension)}`;
      const original = this.#originalOf(name, extension);
      const isOnly = this.#functions.isOnly(`${this.#of}\n${text}`, original);
      return [isOnly ? text : `${text}${this.#functions.mark(original)}`];
    });
    const manner = JSON.stringify([this.#of, this.#runtime.text, replaced, others]);
    if (replaced.length === 0 && this.#isBare()) this.#bareManner = manner;
    return manner;
  }

  /** Returns the extension of the original environment that an extension of a clone equals; without one, itself. */
  #originalOf(name: string, extension: object): object {
    if (this.#original === this) return extension;
    let original = this.#originals.get(extension);
    if (original === undefined) {
      const there = this.#original.#env.extensions[name];
      original = there !== undefined && isDeepStrictEqual(there, extension) ? there : extension;
      this.#originals.set(extension, original);
    }
    return original;
  }

  /** Whether all of Nunjucks' own filters and tests are in place, and no extension but ours is there. */
  #isBare(): boolean {
    const { filters, tests, extensions } = this.#env;
    const { filterNames, testNames, bareFilters, bareTests } = this.#own;
    for (const name in extensions) if (!name.startsWith('nunjucks-cachesweeper')) return false;
    for (let i = 0; i < filterNames.length; i++) if (filters[filterNames[i] as string] !== bareFilters[i]) return false;
    for (let i = 0; i < testNames.length; i++) if (tests[testNames[i] as string] !== bareTests[i]) return false;
    return true;
  }

  /** Whether a filter or test is Nunjucks' own. These do not look at the page's variables. */
  isOwn(called: unknown): boolean {
    return this.#own.tests.has(called) || this.#own.filters.has(called);
  }

  /** Whether this copy of Nunjucks marked a value as safe, which shows in its class. */
  isMarkedSafe(value: object): boolean {
    return Object.getPrototypeOf(value) === this.#own.safe;
  }

  /**
   * Whether a filter only moves or counts the elements of a list. Reads of the elements are recorded when they are
   * used.
   */
  isMoving(called: unknown): boolean {
    return this.#own.moving.has(called);
  }

  /** Whether a test of Nunjucks reads nothing of what it receives. */
  isStructural(called: unknown): boolean {
    return this.#own.structural.has(called);
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
      if (typeof value === 'function' && !this.isOwn(value)) yield [{ kind: 'f', name }, value];
    }
    for (const [name, value] of Object.entries(tests)) {
      if (typeof value === 'function' && !this.isOwn(value)) yield [{ kind: 't', name }, value];
    }
  }
}

/**
 * Returns the names that no longer stand for Nunjucks' own functions, each with the name of the other function of
 * Nunjucks that it stands for, if it does. A function from elsewhere is recorded as a read.
 */
function replacedNames(
  names: readonly string[],
  bare: readonly unknown[],
  now: Readonly<Record<string, unknown>>,
): string[][] {
  return names.flatMap((name, i) => {
    if (now[name] === bare[i]) return [];
    const other = names[bare.indexOf(now[name])];
    return [other === undefined ? [name] : [name, other]];
  });
}

function sourceOf(called: object): string {
  return Function.prototype.toString.call(called);
}

const extensionTexts = new WeakMap<object, string>();

/** Returns a digest of an extension: the code of its methods, and its data. */
function extensionText(extension: object): string {
  let text = extensionTexts.get(extension);
  if (text === undefined) {
    text = '';
    for (let at: object | null = extension; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
      for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at)))
        text += `${name}=${typeof value === 'function' ? sourceOf(value) : describe(value)}\n`;
    }
    text = digest(text, CHARACTERS);
    extensionTexts.set(extension, text);
  }
  return text;
}

/** Returns text for a value; for an object only its type, because it may be of any size. */
function describe(value: unknown): string {
  const isList = Array.isArray(value) && value.every((element) => typeof element === 'string');
  return isList ? value.join() : typeof value === 'object' ? typeof value : String(value);
}

function dataOf(value: unknown, member: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, member)?.value;
}

interface Own {
  readonly testNames: readonly string[];
  readonly filterNames: readonly string[];
  /** The filters and tests by the index of their names. */
  readonly bareFilters: readonly unknown[];
  readonly bareTests: readonly unknown[];
  /** The source of each global. */
  readonly globals: ReadonlyMap<string, string>;
  readonly tests: ReadonlySet<unknown>;
  readonly structural: ReadonlySet<unknown>;
  readonly filters: ReadonlySet<unknown>;
  readonly moving: ReadonlySet<unknown>;
  /** The prototype of values that are marked as safe. */
  readonly safe: unknown;
}

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

/** Finds Nunjucks' own tests and filters, in a new environment without additions. */
function ownOf(env: Environment): Own {
  let prototype: object | null = Object.getPrototypeOf(env);
  while (prototype !== null && !Object.hasOwn(prototype, 'addTest')) prototype = Object.getPrototypeOf(prototype);
  type Bare = {
    readonly globals: Readonly<Record<string, unknown>>;
    readonly tests: Readonly<Record<string, unknown>>;
    readonly filters: Readonly<Record<string, unknown>>;
  };
  const Bare = prototype?.constructor as (new (loaders: readonly never[]) => Bare) | undefined;
  try {
    const bare = Bare === undefined ? { tests: {}, filters: {}, globals: {} } : new Bare([]);
    const { tests, filters, globals } = bare;
    return {
      testNames: Object.keys(tests),
      filterNames: Object.keys(filters),
      bareFilters: Object.values(filters),
      bareTests: Object.values(tests),
      globals: new Map(
        Object.entries(globals).flatMap(([name, value]) =>
          typeof value === 'function' ? [[name, sourceOf(value)]] : [],
        ),
      ),
      tests: new Set(Object.values(tests)),
      structural: new Set(Object.values(tests).filter((test) => readsNothing(test as never))),
      filters: new Set(Object.values(filters)),
      moving: new Set(MOVING.map((name) => filters[name])),
      safe: Object.getPrototypeOf((filters.safe as (text: string) => object)('')),
    };
  } catch {
    return {
      testNames: [],
      filterNames: [],
      bareFilters: [],
      bareTests: [],
      globals: new Map(),
      tests: new Set(),
      structural: new Set(),
      filters: new Set(),
      moving: new Set(),
      safe: undefined,
    };
  }
}
