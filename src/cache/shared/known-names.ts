import { LRUCache } from 'lru-cache';
import { safeKey } from '../key.ts';
import type { Sealer } from '../seal.ts';
import { isToken, type Token } from '../token.ts';

/** Names kept; about 500 bytes each. */
const MAX_KEPT = 10_000;

/** What is known of a name: the key of its token, and what the store had there last. */
export interface KnownName {
  readonly key: string;
  last: { readonly sealed: Uint8Array; readonly token: Token } | undefined;
}

/**
 * The names that pages ask for again and again. A page reads the tokens of everything on it, and nearly all of them are what
 * they were on the page before: bytes that were opened once under a key are recognised, which takes a twentieth of
 * checking their seal.
 */
export class KnownNames {
  readonly #sealer: Sealer;
  readonly #scope: { readonly namespace: string; readonly version: number };
  readonly #kept = new LRUCache<string, KnownName>({ max: MAX_KEPT });

  constructor(sealer: Sealer, scope: { readonly namespace: string; readonly version: number }) {
    this.#sealer = sealer;
    this.#scope = scope;
  }

  get(name: string): KnownName {
    let known = this.#kept.get(name);
    if (known === undefined) {
      known = { key: this.#key(name), last: undefined };
      this.#kept.set(name, known);
    }
    return known;
  }

  /** The key of a name's token. Asking for it does not make the name one that pages ask for. */
  key(name: string): string {
    return this.#kept.peek(name)?.key ?? this.#key(name);
  }

  #key(name: string): string {
    const { namespace, version } = this.#scope;
    return safeKey(`${namespace}:${version}:${name}`, this.#scope);
  }

  /** @param sealed what the store has under the name's key; undefined is returned when that is no token */
  open(known: KnownName, sealed: Uint8Array): Token | undefined {
    const { key, last } = known;
    if (last !== undefined && Buffer.compare(last.sealed, sealed) === 0) return last.token;
    const token = this.#sealer.unseal('token', key, sealed);
    if (!isToken(token)) return undefined;
    // A copy: whoever gave the bytes may change them.
    known.last = { sealed: new Uint8Array(sealed), token };
    return token;
  }
}
