import { LRUCache } from 'lru-cache';
import type { Sealer } from '../fragment/seal.ts';
import { isToken, type Token } from '../fragment/token.ts';

/** Tokens kept; about 400 bytes each. */
const MAX_KEPT = 10_000;

interface Opened {
  readonly sealed: Uint8Array;
  readonly token: Token;
}

/**
 * Opens sealed tokens. A page reads the tokens of everything on it, and nearly all of them are what they were on the page
 * before: bytes that were opened once under a key are recognised, which takes a twentieth of checking their seal.
 */
export class OpenedTokens {
  readonly #sealer: Sealer;
  readonly #kept = new LRUCache<string, Opened>({ max: MAX_KEPT });

  constructor(sealer: Sealer) {
    this.#sealer = sealer;
  }

  /** @param sealed what the store has under the key; undefined is returned when that is no token */
  open(key: string, sealed: Uint8Array): Token | undefined {
    const kept = this.#kept.get(key);
    if (kept !== undefined && Buffer.compare(kept.sealed, sealed) === 0) return kept.token;
    const token = this.#sealer.unseal('token', key, sealed);
    if (!isToken(token)) return undefined;
    // A copy: whoever gave the bytes may change them.
    this.#kept.set(key, { sealed: new Uint8Array(sealed), token });
    return token;
  }
}
