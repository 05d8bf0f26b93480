import type { Entry } from './entry.ts';
import type { StoredKey } from './key.ts';
import type { LocalTokens } from './local-tokens.ts';
import type { Token } from './token.ts';

/** The answer is still to come; another pass will have it. */
export const PENDING: unique symbol = Symbol('pending');
/** The token could not be read; whether the name has one is not known. */
export const UNKNOWN: unique symbol = Symbol('unknown');

/** A fragment that the page will probably show, and the key it had in the store last time. */
export interface Guess {
  /** {@link FragmentKey.memoryKey} */
  readonly memoryKey: string;
  readonly stored: StoredKey;
}

/** Asks a store for what a page will probably need. */
export interface Prefetching {
  prefetch(names: readonly string[], entries: readonly Guess[]): void;
  /** Names whose tokens were needed. */
  readonly neededNames: string[];
  /** Whether nothing but what was prefetched was needed, and all of it. */
  readonly isAsPrefetched: boolean;
}

/**
 * Reads tokens and entries for one render. A token, once read, stays the same for the whole render, so that all
 * fragments of a page are judged by the same tokens.
 */
export interface TokenReader {
  /** Asks for tokens and entries before they are needed; undefined where there is no store to ask, or no time. */
  readonly prefetching: Prefetching | undefined;
  /** Whether every token is known at once, without asking a store. */
  readonly knowsAll: boolean;
  token(name: string): Token | typeof PENDING | typeof UNKNOWN;
  /** Returns a token that is already known; never asks for one. */
  knownToken(name: string): Token | undefined;
  /**
   * Returns the token that this process read last, for a name whose token is {@link UNKNOWN} because the store did not
   * answer; undefined where the option `outage` does not allow to go by it. Nothing may be stored because of it.
   */
  lastRead(name: string): Token | undefined;
  /** Whether this render made the name's token. If so, no entry can have been stored under it. */
  isFresh(name: string): boolean;
  /** Whether the store was reached and has no token for this sparse name. Its token is then unknown. */
  isMissing(name: string): boolean;
  /**
   * Makes tokens for sparse names that are missing, to store something under them.
   *
   * @param guards the names, each with the token that its guard had before the data was read
   * @param ttl seconds
   * @returns false if one of the names was bumped meanwhile, or if that is not known
   */
  claim(guards: ReadonlyMap<string, Token>, ttl: number): Promise<boolean>;
  /** Returns the store's entry for a key; undefined when it has none that can be used. */
  entry(key: string, canonical: string): Entry | typeof PENDING | undefined;
  /** Like {@link entry}, but returns only what was already read; never asks. */
  known(key: string, canonical: string): Entry | undefined;
  /** Forgets entries that were read, but for those of some keys, so that the store is asked for them again. */
  forgetEntries(except: ReadonlySet<string>): void;
  /** Whether the store has anything under a key that was asked for. */
  isOccupied(key: string): boolean;
  /**
   * Returns the keys under which the store probably has a fragment. Their entries were asked for before the first pass.
   */
  guesses(memoryKey: string): readonly StoredKey[];
  /** Whether there are questions without an answer. */
  readonly isPending: boolean;
  /** Sends the open questions and waits for the answers. */
  ask(): Promise<void>;
  /** Milliseconds spent in {@link ask}. */
  readonly waited: number;
  /**
   * Stops asking; from now on, a token that is not known is unknown. Returns the names and keys of unsent questions.
   */
  giveUp(): readonly string[];
}

/** A reader that asks no store: it has no entries, and nothing to wait for. */
export abstract class StorelessTokenReader implements TokenReader {
  abstract readonly knowsAll: boolean;
  readonly prefetching = undefined;
  readonly isPending = false;
  readonly waited = 0;

  abstract token(name: string): Token | typeof UNKNOWN;
  abstract knownToken(name: string): Token | undefined;

  lastRead(): undefined {
    return undefined;
  }

  isFresh(): boolean {
    return false;
  }

  isMissing(): boolean {
    return false;
  }

  async claim(): Promise<boolean> {
    return true;
  }

  entry(): undefined {
    return undefined;
  }

  known(): undefined {
    return undefined;
  }

  forgetEntries(): void {}

  isOccupied(): boolean {
    return false;
  }

  guesses(): readonly StoredKey[] {
    return [];
  }

  async ask(): Promise<void> {}

  giveUp(): readonly string[] {
    return [];
  }
}

/** Used without a store: every token is known at once. */
export class LocalTokenReader extends StorelessTokenReader {
  readonly knowsAll = true;
  readonly #tokens: LocalTokens;

  constructor(tokens: LocalTokens) {
    super();
    this.#tokens = tokens;
  }

  token(name: string): Token {
    return this.#tokens.get(name);
  }

  knownToken(name: string): Token {
    return this.#tokens.get(name);
  }
}
