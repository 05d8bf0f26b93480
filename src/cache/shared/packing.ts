import type { Sealer } from '../seal.ts';
import { compress, inflated, MAX_INFLATED } from './compression.ts';

/** Limit of all bytes that one read inflates. */
const MAX_INFLATED_BY_READ = 64 * 1024 * 1024;
/** Digits in front of a compressed payload: its size when inflated. */
const SIZE_DIGITS = 8;

/** Stands for an entry that was not inflated, because others of the same read took all that one may. */
export const TOO_MUCH: unique symbol = Symbol('too much');

/**
 * Writes entries for a store, compressed where that is worth it and then sealed, and reads them. Only what bears a valid
 * seal is inflated: a small forged value could otherwise fill the memory. Tokens are never compressed.
 */
export class Packing {
  readonly #sealer: Sealer;
  readonly #compressFrom: number;

  /** @param compressFrom entries of at least this many bytes are compressed */
  constructor(sealer: Sealer, compressFrom: number) {
    this.#sealer = sealer;
    this.#compressFrom = compressFrom;
  }

  async pack(key: string, text: string): Promise<Uint8Array> {
    // A text has at least as many bytes as characters, and at most three times as many.
    if (text.length * 3 < this.#compressFrom) return this.#sealer.seal('entry', key, text);
    const bytes = Buffer.from(text, 'utf8');
    const compressed = bytes.length < this.#compressFrom ? undefined : await compress(bytes);
    if (compressed === undefined) return this.#sealer.seal('entry', key, bytes);
    const size = Buffer.from(String(bytes.length).padStart(SIZE_DIGITS, '0'), 'latin1');
    return this.#sealer.seal('packed', key, Buffer.concat([size, compressed]));
  }

  /** Returns the reader of one batch. It returns undefined for what is damaged. */
  unpacking(): (key: string, value: Uint8Array) => string | undefined | typeof TOO_MUCH | Promise<string | undefined> {
    let left = MAX_INFLATED_BY_READ;
    return (key, value) => {
      if (!this.#sealer.isOfKind('packed', value)) return this.#sealer.unseal('entry', key, value);
      const payload = this.#sealer.unsealBytes('packed', key, value);
      const size = payload?.toString('latin1', 0, SIZE_DIGITS) ?? '';
      if (payload === undefined || !/^\d{8}$/.test(size) || Number(size) > MAX_INFLATED) return undefined;
      left -= Number(size);
      if (left < 0) return TOO_MUCH;
      return inflated(payload.subarray(SIZE_DIGITS), Number(size)).then((whole) => whole?.toString('utf8'));
    };
  }
}
