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
  /** Whether there may be a piece that begins like this: asked for each byte of a page, and mostly in vain. */
  readonly #beginnings = new Uint8Array(65_536);

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
      this.#beginnings[slotOf(bytes.readUInt32LE(at))] = 1;
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
    if (bytes.length < PIECE) return false;
    let beginning = bytes.readUInt32LE(0);
    for (let at = 0; at + PIECE <= bytes.length; at++) {
      if (this.#beginnings[slotOf(beginning)] === 1 && this.#pieces.has(bytes.toString('latin1', at, at + PIECE)))
        return true;
      // The next four bytes.
      beginning = (beginning >>> 8) | ((bytes[at + 4] as number) << 24);
    }
    return false;
  }
}

/** Spreads four bytes over the beginnings that are noted. */
function slotOf(fourBytes: number): number {
  return Math.imul(fourBytes, 0x9e3779b1) >>> 16;
}

function folded(bytes: Buffer): Buffer {
  const to = Buffer.allocUnsafe(bytes.length);
  for (let at = 0; at < bytes.length; at++) to[at] = FOLDED[bytes[at] as number] as number;
  return to;
}
