import type { Entry } from './entry.ts';
import type { StoredKey } from './key.ts';
import type { Token } from './token.ts';
import { type PENDING, type TokenReader, UNKNOWN } from './token-reader.ts';

/** The transaction that a page is rendered in. The page may read rows that no other connection can see yet. */
export interface Uncommitted {
  /** Whether the transaction changed anything under this name, even if it was rolled back since. */
  hasChanged(name: string): boolean;
}

/**
 * Reads tokens for a render inside a transaction; names changed in it are unknown. Fragments that depend on them are
 * rendered with uncommitted data, so they are neither stored nor served from the cache.
 */
export class UncommittedTokenReader implements TokenReader {
  readonly prefetching = undefined;
  readonly knowsAll = false;
  readonly #outside: TokenReader;
  readonly #transaction: Uncommitted;

  constructor(outside: TokenReader, transaction: Uncommitted) {
    this.#outside = outside;
    this.#transaction = transaction;
  }

  get waited(): number {
    return this.#outside.waited;
  }

  get isPending(): boolean {
    return this.#outside.isPending;
  }

  token(name: string): Token | typeof PENDING | typeof UNKNOWN {
    return this.#transaction.hasChanged(name) ? UNKNOWN : this.#outside.token(name);
  }

  knownToken(name: string): Token | undefined {
    return this.#outside.knownToken(name);
  }

  lastRead(name: string): Token | undefined {
    return this.#transaction.hasChanged(name) ? undefined : this.#outside.lastRead(name);
  }

  isFresh(name: string): boolean {
    return this.#outside.isFresh(name);
  }

  isMissing(name: string): boolean {
    return this.#outside.isMissing(name);
  }

  claim(guards: ReadonlyMap<string, Token>, ttl: number): Promise<boolean> {
    return this.#outside.claim(guards, ttl);
  }

  entry(key: string, canonical: string): Entry | typeof PENDING | undefined {
    return this.#outside.entry(key, canonical);
  }

  known(key: string, canonical: string): Entry | undefined {
    return this.#outside.known(key, canonical);
  }

  forgetEntries(except: ReadonlySet<string>): void {
    this.#outside.forgetEntries(except);
  }

  isOccupied(key: string): boolean {
    return this.#outside.isOccupied(key);
  }

  guesses(memoryKey: string): readonly StoredKey[] {
    return this.#outside.guesses(memoryKey);
  }

  ask(): Promise<void> {
    return this.#outside.ask();
  }

  giveUp(): readonly string[] {
    return this.#outside.giveUp();
  }
}
