import { LRUCache } from 'lru-cache';
import { safeKey } from '../key.ts';
import type { Sealer } from '../seal.ts';
import { isToken, type Token } from '../token.ts';
import type { LastRead } from './last-reads.ts';

/** Limit of all names kept, in bytes. */
const MAX_BYTES = 5 * 1024 * 1024;
/** Bytes of a name beside its characters: its key, its token, sealed and plain, and the map's slot. */
const OVERHEAD = 500;
/** What the option `outage` adds to that: two fields, and the time of the read unless it is shared with other names. */
const OUTAGE_OVERHEAD = 100;

/** The key of a name's token, the value that the store last gave for it and, for the option `outage`, what was read last. */
export interface KnownName extends LastRead {
  readonly key: string;
  last: { readonly sealed: Uint8Array; readonly token: Token } | undefined;
}

/**
 * Remembers the names that pages ask for. A page reads the tokens of all its names, and nearly all are unchanged since
 * the last page. Comparing the sealed bytes with the last ones takes a twentieth of the time of checking the seal.
 */
export class KnownNames {
  readonly #sealer: Sealer;
  readonly #scope: { readonly namespace: string; readonly version: number };
  readonly #overhead: number;
  readonly #kept = new LRUCache<string, KnownName>({ maxSize: MAX_BYTES });

  /** @param hasOutage whether the option `outage` is on */
  constructor(sealer: Sealer, scope: { readonly namespace: string; readonly version: number }, hasOutage: boolean) {
    this.#sealer = sealer;
    this.#scope = scope;
    this.#overhead = OVERHEAD + (hasOutage ? OUTAGE_OVERHEAD : 0);
  }

  get(name: string): KnownName {
    return this.#kept.get(name) ?? { key: this.#key(name), last: undefined, read: undefined, sent: undefined };
  }

  /** Like {@link get}, but returns undefined for a name that is not remembered, and does not count as a use. */
  peek(name: string): KnownName | undefined {
    return this.#kept.peek(name);
  }

  /** Returns the key of a name's token without adding the name to those remembered. */
  key(name: string): string {
    return this.peek(name)?.key ?? this.#key(name);
  }

  #key(name: string): string {
    const { namespace, version } = this.#scope;
    return safeKey(`${namespace}:${version}:${name}`, this.#scope);
  }

  /**
   * Opens a sealed token, and remembers its name. A name without a token is not remembered: a visitor may have made it
   * up.
   *
   * @param sealed the store's value under the name's key; undefined is returned when it is no token
   */
  open(name: string, known: KnownName, sealed: Uint8Array): Token | undefined {
    const { key, last } = known;
    if (last !== undefined && Buffer.compare(last.sealed, sealed) === 0) return last.token;
    const token = this.#sealer.unseal('token', key, sealed);
    if (!isToken(token)) return undefined;
    // The name may have been forgotten since it was asked for, and remembered anew by a later read.
    const own = this.#kept.peek(name) ?? known;
    // Copy the bytes: the store may reuse its buffer.
    own.last = { sealed: new Uint8Array(sealed), token };
    this.#kept.set(name, own, { size: this.#overhead + 2 * name.length });
    return token;
  }
}
