import type { Identity } from '../fragment/identity.ts';
import { presence, textAtom } from './atom.ts';
import { matcherFor } from './presences.ts';
import type { ReadNode } from './shape.ts';
import type { Sink } from './sink.ts';

/** Longest text of all values that a fragment is compared by: what is longer takes longer than rendering most bodies. */
const MAX_TEXT = 65_536;

/** What keeps a fragment from being stored. */
export interface Unseen {
  readonly path: string;
  readonly why: string;
}

/** Puts the text of the values together. */
export class Collector implements Sink {
  text = '';
  /** What could not be compared: the first of it. */
  unseenValue: Unseen | undefined;
  isPending = false;
  isTooMuch = false;
  readonly isMeeting: boolean;
  readonly #met: ((identity: Identity) => void) | undefined;

  /** @param met told of each model on the way */
  constructor(met?: (identity: Identity) => void) {
    this.#met = met;
    this.isMeeting = met !== undefined;
  }

  add(text: string): boolean {
    this.text += text;
    return this.text.length <= MAX_TEXT || this.tooMuch();
  }

  addText(value: string): boolean {
    return this.add(textAtom('s', value));
  }

  tooMuch(): boolean {
    this.isTooMuch = true;
    return false;
  }

  unseen(path: string, why: string): boolean {
    this.unseenValue = { path, why };
    return false;
  }

  pending(): boolean {
    this.isPending = true;
    return false;
  }

  met(identity: Identity): void {
    this.#met?.(identity);
  }
}

/** The same for a key: what cannot be compared is a mark in it, because no fragment that read it was stored. */
export class KeyCollector extends Collector {
  override unseen(): boolean {
    return this.add('?');
  }
}

/** Compares the text of the values with one that was put together before. */
export class Matcher implements Sink {
  #at = 0;
  readonly isMeeting = false;
  isPending = false;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** All of the text was met. */
  get isWhole(): boolean {
    return this.#at === this.#text.length;
  }

  add(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  addText(value: string): boolean {
    // Most texts are the same: nothing is put together to find that out.
    const prefix = PREFIXES[value.length];
    if (prefix !== undefined && this.#text.startsWith(prefix, this.#at)) {
      const start = this.#at + prefix.length;
      if (!this.#text.startsWith(value, start)) return false;
      this.#at = start + value.length;
      return true;
    }
    return this.add(textAtom('s', value));
  }

  below(node: ReadNode, value: object): boolean | undefined {
    const match = matcherFor(node);
    if (match === undefined) return undefined;
    const end = match(value, this.#text, this.#at, presence);
    if (end < 0) return false;
    this.#at = end;
    return true;
  }

  unseen(): boolean {
    return false;
  }

  tooMuch(): boolean {
    return false;
  }

  pending(): boolean {
    this.isPending = true;
    return false;
  }

  met(): void {}
}

/** What texts of up to so many characters begin with. */
const PREFIXES = Array.from({ length: 256 }, (_, length) => textAtom('s', '').replace('0', String(length)));
