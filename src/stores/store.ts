/**
 * Tokens decide whether entries are valid, so all tokens live in one place. Entries may be spread over servers and lost
 * at any time.
 */
export type Kind = 'token' | 'entry';

/**
 * Answer for one key. `missing`: the store was reached and has no such key. `unknown`: an error, a timeout, or no
 * answer, so the key may exist or not.
 */
export type Lookup =
  | { readonly state: 'found'; readonly value: Uint8Array }
  | { readonly state: 'missing' }
  | { readonly state: 'unknown' };

/** `exists`: another value is there, and stays. `unknown`: the value may or may not have been added. */
export type Added = 'added' | 'exists' | 'unknown';

export interface StoreItem {
  /** 1 to 250 characters of printable ASCII. */
  readonly key: string;
  readonly value: Uint8Array;
  /** Whole seconds after which the store may forget the value; 0 for as long as possible. */
  readonly ttl: number;
}

export interface StoreCall {
  /** Milliseconds within which the call must answer. Whatever is not known by then is `unknown`. */
  readonly timeout: number;
}

/**
 * A store that several processes share. Each method takes a batch and returns one answer per item, in order. A store
 * answers within `timeout` and does not reject: if it cannot tell, it answers `unknown`. (The sweeper treats a
 * rejection, a late answer and a wrong number of answers as `unknown`, too.)
 *
 * A store may lose anything at any time. It must never return a value other than the last one acknowledged for a key
 * and kind, and never repeat a `set` on its own: a late repetition would bring an old token back.
 *
 * The contract suite in `nunjucks-cachesweeper/testing` checks an implementation.
 */
export interface Store {
  /** Optional. Entries of at least this many bytes come compressed. Default: none. */
  readonly compressFrom?: number;
  getMany(kind: Kind, keys: readonly string[], call: StoreCall): Promise<readonly Lookup[]>;
  /** Sets values. True for each one acknowledged; false for each that failed or may have failed. */
  setMany(kind: Kind, items: readonly StoreItem[], call: StoreCall): Promise<readonly boolean[]>;
  /**
   * Sets values only where the key has none. If several processes add one key at the same time, exactly one gets
   * `added`.
   */
  addMany(kind: Kind, items: readonly StoreItem[], call: StoreCall): Promise<readonly Added[]>;
  /** Ends all connections. Calls in flight and later calls answer `unknown`. */
  close(): Promise<void>;
  /** Optional. Takes a function to which the store reports errors that no answer shows, such as a server that fails. */
  onError?(report: (error: unknown) => void): void;
  /** Optional. Returns counts for monitoring; the sweeper shows them as `stats().store`. */
  stats?(): object;
}

/** What the option `store` takes. `'off'`: nothing is cached. `undefined`: each process caches in its own memory. */
export type StoreOption = Store | 'off' | undefined;
