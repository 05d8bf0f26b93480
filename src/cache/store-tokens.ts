import type { Shared } from './shared/shared.ts';
import { NoTokenReader, StoreTokenReader } from './store-token-reader.ts';
import type { Token } from './token.ts';
import type { TokenReader } from './token-reader.ts';
import type { Tokens } from './tokens.ts';

/** Reads and bumps the tokens of a sweeper with a store. */
export class StoreTokens implements Tokens {
  readonly size = 0;
  readonly #shared: Shared;
  readonly #timeout: number;
  #hasWarned = false;

  /** @param timeout milliseconds that one render may wait for the store */
  constructor(shared: Shared, timeout: number) {
    this.#shared = shared;
    this.#timeout = timeout;
  }

  reader(canWait: boolean): TokenReader {
    const { tokens, entries } = this.#shared;
    return canWait
      ? new StoreTokenReader(tokens, entries, this.#timeout)
      : new NoTokenReader(() => this.#warnNoCallback());
  }

  async read(names: readonly string[], timeout: number): Promise<ReadonlyMap<string, Token>> {
    return (await this.#shared.tokens.read(names, timeout)).tokens;
  }

  bump(...bump: Parameters<Tokens['bump']>): Promise<readonly string[]> {
    return this.#shared.tokens.bump(...bump);
  }

  #warnNoCallback(): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    process.emitWarning(
      'a page with fragments was rendered without a callback: it cannot wait for the store, so its bodies are rendered ' +
        'uncached. Use res.render, env.render(name, context, callback) or await sweeper.render(env, name, context)',
      { type: 'CacheSweeperWarning', code: 'CACHESWEEPER_NO_CALLBACK' },
    );
  }
}
