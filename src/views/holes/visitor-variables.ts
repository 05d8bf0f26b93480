import type { Visitor } from '../../render/ambient.ts';
import { changes } from '../../util/watched.ts';
import { isData, type Path, readOf, WHOLE } from './visitor-reads.ts';

/** What the view is told of its pages. */
export interface VisitorEvents {
  /** A page reads a variable of the visitor outside of its holes. */
  read(name: string): void;
  /** A page reads a variable outside of its holes for which the handler has given another value than the visitor's. */
  differs(name: string): void;
  made: Visitor['made'];
  lost(name: string): void;
  /** Whether a renderer has given a page what middleware left under a name, and the handler nothing of that name. */
  isCopied(name: string): boolean;
}

/**
 * The variables of one visitor while a view is made. Templates get them as proxies that tell what is read, because that
 * has to be in the key; holes get them as they are.
 */
export class VisitorVariables implements Visitor {
  readonly variables: Readonly<Record<string, unknown>>;
  readonly #events: VisitorEvents;
  readonly #shown = new Map<string, unknown>();
  /** What tells of its reads. */
  readonly #tellers = new WeakSet<object>();
  /** Names for which a page was given other values. */
  readonly #others = new Set<string>();
  /** Names under which handlers gave values. */
  readonly #handlers = new Set<string>();
  /** Names for which middleware gives all pages the same values as the visitor has. */
  readonly #common: ReadonlySet<string>;
  /** Objects that are shown as they are, all of which was read. */
  readonly #whole = new WeakSet<object>();

  constructor(variables: Readonly<Record<string, unknown>>, common: ReadonlySet<string>, events: VisitorEvents) {
    this.variables = variables;
    this.#common = common;
    this.#events = events;
  }

  among(variables: object): object {
    const given = { ...variables } as Record<string, unknown>;
    for (const name of Object.keys(given)) if (!this.#events.isCopied(name)) this.#handlers.add(name);
    // In the order in which pages have them that go past the cache.
    const all: Record<string, unknown> = { ...this.variables, ...given };
    for (const [name, value] of Object.entries(this.variables)) {
      if (Object.hasOwn(given, name) && !this.#isCommon(name, given[name])) this.#others.add(name);
      else all[name] = this.#shownAs(name, value);
    }
    return all;
  }

  /**
   * Whether a page was given a variable by middleware, and for each visitor their own. What a handler gives is the same for
   * whoever asks next, even if it is what this visitor has.
   */
  #isCommon(name: string, value: unknown): boolean {
    return this.#common.has(name) && Object.is(value, this.variables[name]) && !this.#handlers.has(name);
  }

  gives(name: string): boolean {
    return Object.hasOwn(this.variables, name) && !this.#others.has(name);
  }

  /** A page looked up a variable outside of its holes. Returns whether it is one of the visitor's. */
  lookedUp(name: string): boolean {
    if (!Object.hasOwn(this.variables, name)) return false;
    if (this.#others.has(name)) this.#events.differs(name);
    else {
      this.#events.read(readOf([name]));
      this.#noteWhole(this.variables[name]);
    }
    return true;
  }

  lookedUpAll(): void {
    for (const name of Object.keys(this.variables)) {
      this.lookedUp(name);
      this.#events.read(readOf([name, WHOLE]));
    }
  }

  /** Whether an object is one of the visitor's, and all that is read of it is in the key, whatever its name is now. */
  has(value: unknown): boolean {
    return typeof value === 'object' && value !== null && (this.#tellers.has(value) || this.#whole.has(value));
  }

  #noteWhole(value: unknown): void {
    if (typeof value === 'object' && value !== null && !isData(value)) this.#whole.add(value);
  }

  isHandlers(name: string): boolean {
    return this.#handlers.has(name);
  }

  isSameAround(
    { name, value }: { readonly name: string; readonly value: unknown },
    there: unknown,
    isBound: boolean,
  ): boolean {
    // A hole in a macro that is imported without context sees none of them.
    if (!Object.is(value, this.variables[name]) || !Object.hasOwn(this.variables, name)) return Object.is(value, there);
    if (this.#others.has(name) || !Object.is(there, this.#shownAs(name, value))) return false;
    // What a template binds may be the visitor's by chance, unless it is what only this visitor's pages are given.
    return !isBound || this.has(there);
  }

  made(...page: Parameters<Visitor['made']>): void {
    this.#events.made(...page);
  }

  lost(name: string): void {
    this.#events.lost(name);
  }

  #shownAs(name: string, value: unknown): unknown {
    if (!this.#shown.has(name)) this.#shown.set(name, this.#telling(value, [name]));
    return this.#shown.get(name);
  }

  /** Returns a list or plain object that tells what is read of it; any other value as it is, whose read is of all of it. */
  #telling(value: unknown, path: Path): unknown {
    if (!isData(value)) return value;
    const isList = Array.isArray(value);
    // A copy, because a proxy must show what a frozen object holds.
    const copy = isList ? ([...value] as object) : thawed(value);
    const whole = (): void => this.#events.read(readOf([...path, WHOLE]));
    const inner = new Map<string, unknown>();
    const telling = new Proxy(copy, {
      // Holes do not see the change.
      ...changes(() => this.#events.differs(String(path[0]))),
      get: (target, key, receiver) => {
        if (typeof key === 'symbol') {
          if (!isList) whole();
          return Reflect.get(target, key, receiver) as unknown;
        }
        const isOwn = Object.hasOwn(target, key);
        // What a getter returns is read, and not what it reads itself.
        const found: unknown = Reflect.get(target, key, isOwn ? value : receiver);
        // Methods of lists read through the proxy.
        if (isList && !isOwn && found !== undefined) return found;
        const at = [...path, key];
        this.#events.read(readOf(at));
        if (!isOwn) return found;
        this.#noteWhole(found);
        if (!inner.has(key)) inner.set(key, this.#telling(found, at));
        return inner.get(key);
      },
      has(target, key) {
        whole();
        return Reflect.has(target, key);
      },
      ownKeys(target) {
        whole();
        return Reflect.ownKeys(target);
      },
      getOwnPropertyDescriptor(target, key) {
        whole();
        return Reflect.getOwnPropertyDescriptor(target, key);
      },
    });
    this.#tellers.add(telling);
    return telling;
  }
}

/** Returns a copy of an object whose members can be changed. Its getters stay what they are: one that nobody asks may fail. */
function thawed(object: object): object {
  const members = Reflect.ownKeys(object).map((name) => {
    const member = Object.getOwnPropertyDescriptor(object, name) as PropertyDescriptor;
    const isValue = member.get === undefined && member.set === undefined;
    return [name, { ...member, ...(isValue ? { writable: true } : {}), configurable: true }] as const;
  });
  return Object.create(Object.getPrototypeOf(object) as object | null, Object.fromEntries(members)) as object;
}
