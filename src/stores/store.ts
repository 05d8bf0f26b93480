/**
 * What a value is: a token decides whether entries are valid, and all tokens live in one place; entries may be spread
 * and lost at will.
 */
export type Kind = 'token' | 'entry';

/**
 * The answer for one key. `missing` is reader: the store was reached and has no such key. `unknown` is none: no
 * answer, an error, a timeout.
 */
export type Lookup =
  | { readonly state: 'found'; readonly value: Uint8Array }
  | { readonly state: 'missing' }
  | { readonly state: 'unknown' };

/** `exists`: another value is there, and stays. `unknown`: it may or may not have been added. */
export type Added = 'added' | 'exists' | 'unknown';

export interface StoreItem {
  /** 1 to 250 characters of printable ASCII. */
  readonly key: string;
  readonly value: Uint8Array;
  /** Seconds until it may be forgotten, a whole number; 0 for as long as possible. */
  readonly ttl: number;
}

export interface StoreCall {
  /** Milliseconds after which the call must have answered; what is not known by then is `unknown`. */
  readonly timeout: number;
}

/**
 * A store shared by several processes. Every method takes a batch and answers for each of its items, in order. A store
 * answers within `timeout` and does not reject: what it cannot tell is `unknown` (the sweeper treats a rejection, a
 * late answer and one of the wrong length as that).
 *
 * A store may lose anything at any time. It must never give back a value that was not the last one acknowledged for a
 * key and kind, and never send a `set` again on its own: a late repetition would bring an old token back.
 *
 * The contract suite in `nunjucks-cachesweeper/testing` checks an implementation.
 */
export interface Store {
  getMany(kind: Kind, keys: readonly string[], call: StoreCall): Promise<readonly Lookup[]>;
  /** True for what was acknowledged, false for what failed or may have failed. */
  setMany(kind: Kind, items: readonly StoreItem[], call: StoreCall): Promise<readonly boolean[]>;
  /** Sets what is not there. Of several processes that add one key at one time exactly one is told `added`. */
  addMany(kind: Kind, items: readonly StoreItem[], call: StoreCall): Promise<readonly Added[]>;
  /** Ends all connections; calls in flight are answered (`unknown`), later calls are `unknown` at once. */
  close(): Promise<void>;
  /** Takes the function by which the store reports what no answer shows: a server that cannot be used. Optional. */
  onError?(report: (error: unknown) => void): void;
  /** Counts for whoever watches the site, shown in the sweeper's `stats().store`. Optional. */
  stats?(): object;
}
