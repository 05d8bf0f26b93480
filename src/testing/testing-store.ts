import { setTimeout as sleep } from 'node:timers/promises';
import type { Added, Kind, Lookup, Store, StoreCall, StoreItem } from '../stores/store.ts';

/** One call of a store. */
export interface Operation {
  readonly method: 'getMany' | 'setMany' | 'addMany';
  readonly kind: Kind;
  readonly keys: readonly string[];
  /** How many calls came before this one. */
  readonly index: number;
}

/** What happens to one call. */
export interface Fault {
  /** Milliseconds before the call is carried out. */
  readonly delay?: number;
  /**
   * `unknown`: not carried out, and answered so. `lost`: carried out, but the answer is lost. `reject`: not carried
   * out, the promise rejects. `hang`: never answered. `late`: answered `unknown` now, and carried out after `delay`.
   */
  readonly outcome?: 'unknown' | 'lost' | 'reject' | 'hang' | 'late';
  /** Replaces values on their way back. */
  readonly corrupt?: (value: Uint8Array, key: string) => Uint8Array;
}

/** Decides what happens to a call; undefined for nothing out of the ordinary. */
export type FaultScript = (operation: Operation) => Fault | undefined;

interface Kept {
  readonly value: Uint8Array;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/**
 * A store in this process, for tests: asynchronous like a real one, and as unreliable as its script says. Several
 * can share their data, as the clients of one server do.
 *
 * @example
 * const store = new TestingStore();
 * store.script = ({ method, kind }) => (method === 'getMany' && kind === 'token' ? { outcome: 'unknown' } : undefined);
 */
export class TestingStore implements Store {
  /** What happens to calls; changed at will. */
  script: FaultScript | undefined;
  /** Every call so far, in order. */
  readonly operations: Operation[] = [];
  readonly #values: Map<string, Kept>;
  readonly #now: () => number;
  #closed = false;

  /** @param options `now`: the clock by which values expire; `shared`: a store whose data this one has as well */
  constructor({
    now = Date.now,
    script,
    shared,
  }: { readonly now?: () => number; readonly script?: FaultScript; readonly shared?: TestingStore } = {}) {
    this.#values = shared === undefined ? new Map() : shared.#values;
    this.#now = now;
    this.script = script;
  }

  /** Forgets values, as a server does that is short of memory; all of a kind without `which`. */
  evict(kind: Kind, which: (key: string) => boolean = () => true): number {
    let count = 0;
    for (const key of this.#values.keys()) {
      if (key.startsWith(`${kind} `) && which(key.slice(kind.length + 1)) && this.#values.delete(key)) count++;
    }
    return count;
  }

  /** The keys of a kind that have a value now. */
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
    // Never in the same tick: nobody shall come to rely on it.
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
