import { inBase64, unescaped } from './spellings.ts';

/** Shorter pieces of a value are met by chance. */
const PIECE = 8;

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
      for (const text of [value, reversed, hex, ...inBase64(value)]) this.#add(text.toLowerCase().replaceAll('+', ' '));
    }
  }

  #add(text: string): void {
    for (let at = 0; at + PIECE <= text.length; at++) {
      this.#pieces.add(text.slice(at, at + PIECE));
      this.#begins[text.charCodeAt(at) * 256 + text.charCodeAt(at + 1)] = 1;
    }
  }

  /** @param rest what is left, with something else in the place of each value */
  areIn(rest: Buffer): boolean {
    return this.#areIn(rest) || this.#areIn(unescaped(Buffer.from(rest)));
  }

  #areIn(bytes: Buffer): boolean {
    const text = bytes.toString('latin1').toLowerCase().replaceAll('+', ' ');
    for (let at = 0; at + PIECE <= text.length; at++) {
      const begin = text.charCodeAt(at) * 256 + text.charCodeAt(at + 1);
      if (this.#begins[begin] === 1 && this.#pieces.has(text.slice(at, at + PIECE))) return true;
    }
    return false;
  }
}
