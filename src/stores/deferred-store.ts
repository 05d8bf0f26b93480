import { UNKNOWN } from './lookups.ts';
import type { Added, Kind, Lookup, Store, StoreCall, StoreItem } from './store.ts';
import { unreachable } from './unreachable.ts';

/** Milliseconds between two attempts to open a store. */
const RETRY = 1_000;
/** Milliseconds for which calls wait for a store that is being opened, and closing does. */
const PATIENCE = 1_000;

/** A store that is ready, and how to end what was opened for it. */
export interface Opened {
  readonly store: Store;
  end(): Promise<unknown>;
}

/**
 * A store that is opened at its first use, because that takes time: a package is loaded, a table made. Calls wait for it until their
 * time is over; none does after a second of it. If opening fails, that is reported, calls are answered as not known, and it is tried
 * again at most once a second.
 */
export class DeferredStore implements Store {
  /** As the store that is opened. */
  readonly compressFrom: number;
  readonly #name: string;
  readonly #open: () => Promise<Opened>;
  #opening: Promise<void> | undefined;
  #openingSince = 0;
  #opened: Opened | undefined;
  #retryAt = 0;
  #hasFailed = false;
  #isClosed = false;
  #report: (error: unknown) => void = () => {};

  /** @param name names the store in the error that is reported */
  constructor(name: string, compressFrom: number, open: () => Promise<Opened>) {
    this.#name = name;
    this.compressFrom = compressFrom;
    this.#open = open;
  }

  async getMany(kind: Kind, keys: readonly string[], call: StoreCall): Promise<readonly Lookup[]> {
    return (await this.#within(call, (store, rest) => store.getMany(kind, keys, rest))) ?? keys.map(() => UNKNOWN);
  }

  async setMany(kind: Kind, items: readonly StoreItem[], call: StoreCall): Promise<readonly boolean[]> {
    return (await this.#within(call, (store, rest) => store.setMany(kind, items, rest))) ?? items.map(() => false);
  }

  async addMany(kind: Kind, items: readonly StoreItem[], call: StoreCall): Promise<readonly Added[]> {
    return (await this.#within(call, (store, rest) => store.addMany(kind, items, rest))) ?? items.map(() => 'unknown');
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#opening !== undefined) await within(PATIENCE, this.#opening);
    if (this.#opened !== undefined) await end(this.#opened);
  }

  onError(report: (error: unknown) => void): void {
    this.#report = report;
    this.#opened?.store.onError?.(report);
  }

  stats(): object {
    return this.#opened?.store.stats?.() ?? {};
  }

  /** Runs a call on the store within its time; undefined if the store is not open by then. */
  async #within<T>(call: StoreCall, run: (store: Store, call: StoreCall) => Promise<T>): Promise<T | undefined> {
    if (this.#opened !== undefined) return run(this.#opened.store, call);
    const until = performance.now() + call.timeout;
    const opened = await this.#wait(call.timeout);
    const timeout = until - performance.now();
    return opened === undefined || timeout <= 0 ? undefined : run(opened.store, { timeout });
  }

  /** Resolved when the store is open, could not be opened, or the time is over. */
  async #wait(timeout: number): Promise<Opened | undefined> {
    if (this.#isClosed) return undefined;
    if (this.#opening === undefined && performance.now() >= this.#retryAt) {
      this.#openingSince = performance.now();
      this.#opening = this.#tryToOpen();
    }
    const isSlow = performance.now() - this.#openingSince > PATIENCE;
    if (this.#opening !== undefined && !isSlow) await within(timeout, this.#opening);
    return this.#opened;
  }

  async #tryToOpen(): Promise<void> {
    try {
      const opened = await this.#open();
      if (this.#isClosed) {
        await end(opened);
        return;
      }
      opened.store.onError?.(this.#report);
      this.#opened = opened;
      this.#hasFailed = false;
    } catch (error) {
      this.#retryAt = performance.now() + RETRY;
      if (!this.#hasFailed)
        this.#report(unreachable(this.#name, error instanceof Error ? error : new Error(String(error))));
      this.#hasFailed = true;
    } finally {
      this.#opening = undefined;
    }
  }
}

async function end({ store, end }: Opened): Promise<void> {
  await store.close();
  await end();
}

/** Resolved when the work has ended, or the time is over. */
async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
