import { mintToken, type Token, tokenTime } from './token.ts';

/** Names whose tokens one process keeps when it has no store; about 100 bytes each. */
const MAX_LOCAL_TOKENS = 100_000;

/**
 * The tokens of a sweeper without a store. Only names that were bumped have one of their own; all others share the
 * floor. When the map is full its older half goes, and the floor is replaced by a token never used before: a name
 * whose token was dropped gets a new one and not an old one back (promise 3), at the price of sweeping what was
 * never bumped as well.
 */
export class LocalTokens {
  readonly #tokens = new Map<string, Token>();
  readonly #limit: number;
  /** As old as time: what was never bumped cannot have been changed under a page that is being rendered. */
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
    // Deleted first, so that the map's order is that of the bumps.
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
    // Its time is that of the last bump it stands for, so that data read before that bump is known to be late.
    this.#floor = mintToken(time);
  }
}
