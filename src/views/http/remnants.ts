import { inBase64, unescaped } from './spellings.ts';

/** Shorter pieces of a value are met by chance. */
const PIECE = 8;

/** Capital letters as small ones, and plus signs as spaces, because forms and queries write one for the other. */
const FOLDED = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte === 0x2b ? 0x20 : byte,
);

/**
 * Finds what is left of values that were cut out of a text: one of them in another spelling, or a piece of one, in any
 * case of letters. What cannot be cut out must not be stored.
 */
export class Remnants {
  readonly #pieces = new Set<string>();
  /** Whether a piece begins with two bytes: asked for each byte of a page, and mostly in vain. */
  readonly #begins = new Uint8Array(65_536);

  constructor(values: Iterable<string>) {
    for (const value of values) {
      const hex = Buffer.from(value).toString('hex');
      const reversed = [...value].reverse().join('');
      for (const text of [value, reversed, hex, ...inBase64(value)]) this.#add(folded(Buffer.from(text, 'latin1')));
    }
  }

  #add(bytes: Buffer): void {
    for (let at = 0; at + PIECE <= bytes.length; at++) {
      this.#pieces.add(bytes.toString('latin1', at, at + PIECE));
      this.#begins[beginning(bytes, at)] = 1;
    }
  }

  /** @param rest what is left, with something else in the place of each value */
  areIn(rest: Buffer): boolean {
    if (this.#areIn(folded(rest))) return true;
    const plain = unescaped(Buffer.from(rest));
    // An escape is longer than what it stands for.
    return plain.length < rest.length && this.#areIn(folded(plain));
  }

  #areIn(bytes: Buffer): boolean {
    for (let at = 0; at + PIECE <= bytes.length; at++) {
      if (this.#begins[beginning(bytes, at)] === 1 && this.#pieces.has(bytes.toString('latin1', at, at + PIECE)))
        return true;
    }
    return false;
  }
}

function beginning(bytes: Buffer, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

function folded(bytes: Buffer): Buffer {
  const to = Buffer.allocUnsafe(bytes.length);
  for (let at = 0; at < bytes.length; at++) to[at] = FOLDED[bytes[at] as number] as number;
  return to;
}
