import type { KeptHoles } from '../../cache/hole.ts';
import { holeName, type Piece } from '../http/open-places.ts';

/** A page of ours, as it is sent. */
interface MadePage extends KeptHoles {
  readonly html: string;
  readonly texts: readonly string[];
}

/** The holes of an answer, what they show in it, and where. */
export interface FoundHoles extends Omit<MadePage, 'html'> {
  readonly pieces: readonly Piece[];
}

export const NO_HOLES: FoundHoles = { holes: [], environment: '', texts: [], pieces: [] };

/** Returns what holes show, by the names of their places. */
export function textsByName(texts: readonly string[]): [name: string, text: string][] {
  return texts.map((text, i) => [holeName(i), text]);
}

/**
 * The pages with holes that were made for an answer. Their places are known only where the answer is such a page, byte for
 * byte: whatever else was made of its html may show a part of what a hole shows.
 */
export class PageHoles {
  #page: MadePage | undefined;
  #count = 0;
  #bytes: Buffer | undefined;

  made(html: string, kept: KeptHoles, texts: readonly string[]): void {
    this.#page = { html, ...kept, texts };
    this.#count++;
    this.#bytes = undefined;
  }

  /** Returns where the holes are in a body; undefined if that is not known. */
  in(body: Buffer): FoundHoles | undefined {
    if (this.#page === undefined) return NO_HOLES;
    const { html, holes, environment, texts } = this.#page;
    this.#bytes ??= Buffer.from(html);
    if (this.#count > 1 || !this.#bytes.equals(body)) return undefined;
    const pieces: Piece[] = [];
    // `at` counts characters without what holes show, and places are bytes with it.
    let shown = 0;
    let from = 0;
    let at = 0;
    for (const [i, hole] of holes.entries()) {
      const text = texts[i] as string;
      const to = hole.at + shown;
      at += Buffer.byteLength(html.slice(from, to));
      const length = Buffer.byteLength(text);
      pieces.push({ at, length, name: holeName(i) });
      at += length;
      shown += text.length;
      from = to + text.length;
    }
    // Half of a character at the border of a hole is a whole one in the page, so no place behind it is what it seems.
    if (at + Buffer.byteLength(html.slice(from)) !== body.length) return undefined;
    // The view tells where they are, in its open places.
    return { holes: holes.map((hole) => ({ ...hole, at: 0 })), environment, texts, pieces };
  }
}
