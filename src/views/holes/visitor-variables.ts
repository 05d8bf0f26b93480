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
}

/**
 * The variables of one visitor while a view is made. Templates get them as proxies that tell what is read, because that
 * has to be in the key; holes get them as they are.
 */
export class VisitorVariables implements Visitor {
  readonly variables: Readonly<Record<string, unknown>>;
  readonly #events: VisitorEvents;
  readonly #shown = new Map<string, unknown>();
  readonly #plain = new WeakMap<object, object>();
  /** Names for which a page was given other values. */
  readonly #others = new Set<string>();

  constructor(variables: Readonly<Record<string, unknown>>, events: VisitorEvents) {
    this.variables = variables;
    this.#events = events;
  }

  among(variables: object): object {
    const all = { ...variables } as Record<string, unknown>;
    for (const [name, value] of Object.entries(this.variables)) {
      if (name in all && !isSame(all[name], value)) this.#others.add(name);
      else all[name] = this.#shownAs(name, value);
    }
    return all;
  }

  gives(name: string): boolean {
    return Object.hasOwn(this.variables, name) && !this.#others.has(name);
  }

  /** A page looked up a variable outside of its holes. Returns whether it is one of the visitor's. */
  lookedUp(name: string): boolean {
    if (!Object.hasOwn(this.variables, name)) return false;
    if (this.#others.has(name)) this.#events.differs(name);
    else this.#events.read(readOf([name]));
    return true;
  }

  lookedUpAll(): void {
    for (const name of Object.keys(this.variables)) {
      this.lookedUp(name);
      this.#events.read(readOf([name, WHOLE]));
    }
  }

  /** Whether an object is one of the visitor's. */
  has(value: unknown): boolean {
    return typeof value === 'object' && value !== null && Object.values(this.variables).includes(this.plain(value));
  }

  plain(value: unknown): unknown {
    return (typeof value === 'object' && value !== null ? this.#plain.get(value) : undefined) ?? value;
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
    // A copy, because a proxy must show what a frozen object holds.
    const copy = (Array.isArray(value) ? [...value] : { ...value }) as object;
    const whole = (): void => this.#events.read(readOf([...path, WHOLE]));
    const inner = new Map<string, unknown>();
    const telling = new Proxy(copy, {
      // Holes do not see the change.
      ...changes(() => this.#events.differs(String(path[0]))),
      get: (target, key, receiver) => {
        if (typeof key === 'symbol') {
          if (!Array.isArray(target)) whole();
          return Reflect.get(target, key, receiver) as unknown;
        }
        const found: unknown = Reflect.get(target, key, receiver);
        // Methods of lists and objects read through the proxy.
        if (!Object.hasOwn(target, key) && found !== undefined) return found;
        const at = [...path, key];
        this.#events.read(readOf(at));
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
    this.#plain.set(telling, value as object);
    return telling;
  }
}

/** Whether the handler gives a value that is the visitor's, too: middleware may have left it for both. */
function isSame(given: unknown, own: unknown): boolean {
  return Object.is(given, own);
}
