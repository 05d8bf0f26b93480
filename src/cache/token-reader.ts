import type { Entry } from './entry.ts';
import type { StoredKey } from './key.ts';
import type { LocalTokens } from './local-tokens.ts';
import type { Token } from './token.ts';

/** Not known yet: it was asked for, and the page has to be run again. */
export const PENDING: unique symbol = Symbol('pending');
/** Could not be read: neither found nor missing. */
export const UNKNOWN: unique symbol = Symbol('unknown');

/**
 * What one render knows of tokens and entries. It never changes its mind about a token: all fragments of one page are
 * judged by the same ones.
 */
export interface TokenReader {
  /** Every token is known at once: nothing has to be asked for in time. */
  readonly knowsAll: boolean;
  token(name: string): Token | typeof PENDING | typeof UNKNOWN;
  /** A token that is known; asks for nothing. */
  knownToken(name: string): Token | undefined;
  /** Whether this render made the token of a name: no entry can have been stored under it. */
  isFresh(name: string): boolean;
  /** The store's entry of a key; undefined when it has none that can be used. */
  entry(key: string, canonical: string): Entry | typeof PENDING | undefined;
  /** The same for what was asked already: asks for nothing. */
  known(key: string, canonical: string): Entry | undefined;
  /** Whether the store has something under a key that was asked for. */
  isOccupied(key: string): boolean;
  /** The keys under which the store probably has a fragment, and their entries were asked for. */
  guesses(memoryKey: string): readonly StoredKey[];
  /** Something was asked that is not known yet. */
  readonly isPending: boolean;
  /** Finds out what was asked. */
  ask(): Promise<void>;
  /** Milliseconds spent on that. */
  readonly waited: number;
  /** Stops asking: what is not known now is unknown. Returns what was still asked. */
  giveUp(): readonly string[];
}

/** Without a store everything is known at once. */
export class LocalTokenReader implements TokenReader {
  readonly knowsAll = true;
  readonly isPending = false;
  readonly waited = 0;
  readonly #tokens: LocalTokens;

  constructor(tokens: LocalTokens) {
    this.#tokens = tokens;
  }

  token(name: string): Token {
    return this.#tokens.get(name);
  }

  knownToken(name: string): Token {
    return this.#tokens.get(name);
  }

  isFresh(): boolean {
    return false;
  }

  entry(): undefined {
    return undefined;
  }

  known(): undefined {
    return undefined;
  }

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
