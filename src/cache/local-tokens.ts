import { mintToken, type Token, tokenTime } from './token.ts';

/** Names whose tokens a process keeps when it has no store; about 100 bytes each. */
const MAX_LOCAL_TOKENS = 100_000;

/**
 * The tokens of a sweeper without a store. Only bumped names have a token of their own; all others share one, the
 * floor. When the map is full, the older half is dropped and the floor gets a new token. So a dropped name never gets
 * an old token back (promise 3); the price is that names never bumped change as well.
 */
export class LocalTokens {
  readonly #tokens = new Map<string, Token>();
  readonly #limit: number;
  /** Time 0, because a name that was never bumped cannot have changed while a page is rendered. */
  #floor: Token = mintToken(0);

  constructor(limit: number = MAX_LOCAL_TOKENS) {
    this.#limit = Math.max(2, limit);
  }

  get size(): number {
    return this.#tokens.size;
  }

  get(name: string): Token {
    return this.#tokens.get(name) ?? this.#floor;
  }

  set(name: string, token: Token): void {
    // Delete first, so that the map's order is the order of the bumps.
    this.#tokens.delete(name);
    if (this.#tokens.size >= this.#limit) this.#dropOlderHalf();
    this.#tokens.set(name, token);
  }

  #dropOlderHalf(): void {
    let left = Math.ceil(this.#tokens.size / 2);
    let time = tokenTime(this.#floor);
    for (const [name, token] of this.#tokens) {
      if (left-- === 0) break;
      time = Math.max(time, tokenTime(token));
      this.#tokens.delete(name);
    }
    // Date the new floor like the last bump it replaces, so that data read before that bump counts as possibly old.
    this.#floor = mintToken(time);
  }
}
