import type { Token } from './token.ts';
import type { TokenReader } from './token-reader.ts';

/** Keeps the tokens of a sweeper, in this process or in a store that processes share. */
export interface Tokens {
  /** Names whose tokens this process keeps; 0 with a store. */
  readonly size: number;
  /**
   * Returns the token reader of one render.
   *
   * @param canWait whether the render can wait for a store
   */
  reader(canWait: boolean): TokenReader;
  /**
   * Reads tokens. A name without one gets a new one; a name that cannot be read is left out.
   *
   * @param timeout milliseconds
   */
  read(names: readonly string[], timeout: number): Promise<ReadonlyMap<string, Token>>;
  /**
   * Gives names new tokens. Without a store they have them before this returns.
   *
   * @param names each once
   * @param records digests of the `using` attributes to record, by name
   * @param timeout milliseconds
   * @param made called with the new tokens, in the order of the names, before they are anywhere
   * @returns names whose bump was not acknowledged
   */
  bump(
    names: readonly string[],
    records: ReadonlyMap<string, string>,
    timeout: number,
    made?: (tokens: readonly Token[]) => void,
  ): Promise<readonly string[]>;
}
