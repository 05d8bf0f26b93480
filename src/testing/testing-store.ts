import { setTimeout as sleep } from 'node:timers/promises';
import type { Added, Kind, Lookup, Store, StoreCall, StoreItem } from '../stores/store.ts';

/** One call of a store. */
export interface Operation {
  readonly method: 'getMany' | 'setMany' | 'addMany';
  readonly kind: Kind;
  readonly keys: readonly string[];
  /** Number of calls before this one. */
  readonly index: number;
}

/** A fault in one call. */
export interface Fault {
  /** Milliseconds before the call is carried out; default 0. */
  readonly delay?: number;
  /**
   * `unknown`: not carried out, and answered `unknown`. `lost`: carried out, but answered `unknown`. `reject`: not
   * carried out; the promise rejects. `hang`: never answered. `late`: answered `unknown` at once, and carried out after
   * `delay`. Default: carried out and answered.
   */
  readonly outcome?: 'unknown' | 'lost' | 'reject' | 'hang' | 'late';
  /** Replaces values that `getMany` returns. */
  readonly corrupt?: (value: Uint8Array, key: string) => Uint8Array;
}

/** Decides the fault of a call; undefined for none. */
export type FaultScript = (operation: Operation) => Fault | undefined;

interface Kept {
  readonly value: Uint8Array;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/**
 * A store in this process, for tests. It is asynchronous, like a real one, and has the faults of its script. Several
 * stores can share their data, as clients of one server do.
 *
 * @example
 * const store = new TestingStore();
 * store.script = ({ method, kind }) => (method === 'getMany' && kind === 'token' ? { outcome: 'unknown' } : undefined);
 */
export class TestingStore implements Store {
  /** Decides the faults; may be changed at any time. */
  script: FaultScript | undefined;
  /** All calls so far, in order. */
  readonly operations: Operation[] = [];
  readonly #values: Map<string, Kept>;
  readonly #now: () => number;
  #closed = false;

  /**
   * @param options `now`: the clock by which values expire, default `Date.now`; `script`: as {@link script}; `shared`:
   * a store to share data with
   */
  constructor({
    now = Date.now,
    script,
    shared,
  }: { readonly now?: () => number; readonly script?: FaultScript; readonly shared?: TestingStore } = {}) {
    this.#values = shared === undefined ? new Map() : shared.#values;
    this.#now = now;
    this.script = script;
  }

  /** Removes values, as a server short of memory does. Without `which`, removes all of a kind. Returns how many. */
  evict(kind: Kind, which: (key: string) => boolean = () => true): number {
    let count = 0;
    for (const key of this.#values.keys()) {
      if (key.startsWith(`${kind} `) && which(key.slice(kind.length + 1)) && this.#values.delete(key)) count++;
    }
    return count;
  }

  /** Returns the keys of a kind that have a value, expired ones included. */
  keys(kind: Kind): string[] {
    return [...this.#values.keys()]
      .filter((key) => key.startsWith(`${kind} `))
      .map((key) => key.slice(kind.length + 1));
  }

  getMany(kind: Kind, keys: readonly string[], call: StoreCall): Promise<readonly Lookup[]> {
    return this.#call<Lookup>('getMany', kind, keys, call, { state: 'unknown' }, (key, _i, corrupt) => {
      const kept = this.#read(kind, key);
      return kept === undefined
        ? { state: 'missing' }
        : { state: 'found', value: corrupt(Uint8Array.from(kept.value), key) };
    });
  }

  setMany(kind: Kind, items: readonly StoreItem[], call: StoreCall): Promise<readonly boolean[]> {
    return this.#call<boolean>('setMany', kind, keysOf(items), call, false, (_key, i) => {
      this.#write(kind, items[i] as StoreItem);
      return true;
    });
  }

  addMany(kind: Kind, items: readonly StoreItem[], call: StoreCall): Promise<readonly Added[]> {
    return this.#call<Added>('addMany', kind, keysOf(items), call, 'unknown', (key, i) => {
      if (this.#read(kind, key) !== undefined) return 'exists';
      this.#write(kind, items[i] as StoreItem);
      return 'added';
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  async #call<T>(
    method: Operation['method'],
    kind: Kind,
    keys: readonly string[],
    { timeout }: StoreCall,
    unknown: T,
    each: (key: string, index: number, corrupt: (value: Uint8Array, key: string) => Uint8Array) => T,
  ): Promise<readonly T[]> {
    const operation: Operation = { method, kind, keys, index: this.operations.length };
    this.operations.push(operation);
    const { delay = 0, outcome, corrupt = (value: Uint8Array) => value } = this.script?.(operation) ?? {};
    const nothing = () => keys.map(() => unknown);
    const carryOut = () => keys.map((key, i) => each(key, i, corrupt));
    if (this.#closed || outcome === 'unknown') return nothing();
    if (outcome === 'reject') throw new Error(`${method} failed, as the script says`);
    if (outcome === 'hang') return new Promise(() => {});
    if (outcome === 'late') {
      void sleep(delay, undefined, { ref: false }).then(carryOut);
      return nothing();
    }
    if (delay >= timeout) {
      await sleep(timeout, undefined, { ref: false });
      return nothing();
    }
    if (delay > 0) await sleep(delay);
    // Never answer in the same tick, because real stores do not either.
    else await new Promise((resolve) => setImmediate(resolve));
    const answers = carryOut();
    return outcome === 'lost' ? nothing() : answers;
  }

  #read(kind: Kind, key: string): Kept | undefined {
    const kept = this.#values.get(`${kind} ${key}`);
    return kept !== undefined && kept.expires > this.#now() ? kept : undefined;
  }

  #write(kind: Kind, { key, value, ttl }: StoreItem): void {
    const expires = ttl === 0 ? Number.POSITIVE_INFINITY : this.#now() + ttl * 1_000;
    this.#values.set(`${kind} ${key}`, { value: Uint8Array.from(value), expires });
  }
}

function keysOf(items: readonly StoreItem[]): string[] {
  return items.map(({ key }) => key);
}
