import type { Entry } from './entry.ts';
import type { StoredKey } from './key.ts';
import type { Token } from './token.ts';
import { type PENDING, type TokenReader, UNKNOWN } from './token-reader.ts';

/** A transaction that a page is rendered in: it reads what nobody else can see yet. */
export interface Uncommitted {
  /** Whether something under this name was changed in the transaction, however it ended. */
  hasChanged(name: string): boolean;
}

/**
 * What a render inside a transaction knows: of names that were changed in it, nothing. They are rendered with uncommitted data,
 * which must be neither stored nor replaced by what is cached for everybody else.
 */
export class UncommittedTokenReader implements TokenReader {
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

  isFresh(name: string): boolean {
    return this.#outside.isFresh(name);
  }

  entry(key: string, canonical: string): Entry | typeof PENDING | undefined {
    return this.#outside.entry(key, canonical);
  }

  known(key: string, canonical: string): Entry | undefined {
    return this.#outside.known(key, canonical);
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
