import { type Atom, atom, LONGEST_TEXT, type Presence, textAtom } from './atom.ts';
import { matcherFor } from './presences.ts';
import type { ReadNode } from './read-node.ts';
import type { Sink } from './sink.ts';

/**
 * A text of values, split into the parts in which a walk delivers them: marks and numbers as they are, strings after
 * {@link TEXT}. With parts, comparing a list of 50 rows takes two thirds of the time.
 */
export type Parts = readonly (string | number | typeof TEXT)[];

/** Stands before a string, so that the string "n" differs from the mark for null. */
const TEXT = true;

abstract class Matcher implements Sink {
  readonly isMeeting = false;
  isPending = false;

  abstract add(text: string): boolean;
  abstract addAtom(value: Atom): boolean;
  abstract below(node: ReadNode, value: object, presence: Presence): boolean | undefined;

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

/** Compares values with a text that was collected before. */
export class TextMatcher extends Matcher {
  #at = 0;
  readonly #text: string;

  constructor(text: string) {
    super();
    this.#text = text;
  }

  /** Whether the whole text was matched. */
  get isWhole(): boolean {
    return this.#at === this.#text.length;
  }

  add(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  addAtom(value: Atom): boolean {
    if (typeof value !== 'string') return this.add(atom(value));
    // Most values are equal: compare in place, without building a string.
    const prefix = PREFIXES[value.length];
    if (prefix !== undefined && this.#text.startsWith(prefix, this.#at)) {
      const start = this.#at + prefix.length;
      if (!this.#text.startsWith(value, start)) return false;
      this.#at = start + value.length;
      return true;
    }
    return this.add(textAtom('s', value));
  }

  below(node: ReadNode, value: object, presence: Presence): boolean | undefined {
    const match = matcherFor(node);
    if (match === undefined) return undefined;
    const end = match(value, this.#text, this.#at, presence);
    if (end < 0) return false;
    this.#at = end;
    return true;
  }

  /** Returns the text matched since an index; {@link PartsCollector} keeps it. */
  since(start: number): string {
    return this.#text.slice(start, this.#at);
  }

  get at(): number {
    return this.#at;
  }
}

/** Like {@link TextMatcher}, and collects the parts on the way. */
export class PartsCollector extends TextMatcher {
  readonly #parts: (string | number | typeof TEXT)[] = [];

  /** Returns a copy. V8 would keep the long text alive for each short slice of it. */
  get parts(): Parts {
    return JSON.parse(JSON.stringify(this.#parts));
  }

  override add(text: string): boolean {
    if (!super.add(text)) return false;
    this.#parts.push(text);
    return true;
  }

  override addAtom(value: Atom): boolean {
    if (typeof value === 'string' && value.length <= LONGEST_TEXT) {
      if (!super.add(textAtom('s', value))) return false;
      this.#parts.push(TEXT, value);
      return true;
    }
    if (typeof value !== 'number' || !isPart(value)) return this.add(atom(value));
    if (!super.add(atom(value))) return false;
    this.#parts.push(value);
    return true;
  }

  override below(node: ReadNode, value: object, presence: Presence): boolean | undefined {
    const start = this.at;
    const isSame = super.below(node, value, presence);
    if (isSame) this.#parts.push(this.since(start));
    return isSame;
  }
}

/** Compares values with parts. */
export class PartsMatcher extends Matcher {
  #at = 0;
  readonly #parts: Parts;

  constructor(parts: Parts) {
    super();
    this.#parts = parts;
  }

  get isWhole(): boolean {
    return this.#at === this.#parts.length;
  }

  add(text: string): boolean {
    return this.#parts[this.#at++] === text;
  }

  addAtom(value: Atom): boolean {
    if (typeof value === 'string' && value.length <= LONGEST_TEXT) {
      return this.#parts[this.#at++] === TEXT && this.#parts[this.#at++] === value;
    }
    if (typeof value === 'number' && isPart(value)) return this.#parts[this.#at++] === value;
    return this.add(atom(value));
  }

  below(node: ReadNode, value: object, presence: Presence): boolean | undefined {
    const match = matcherFor(node);
    if (match === undefined) return undefined;
    const part = this.#parts[this.#at++];
    return typeof part === 'string' && match(value, part, 0, presence) === part.length;
  }
}

/** Whether a number can be a part: JSON must keep it, and it must equal no other number. */
function isPart(value: number): boolean {
  return Number.isFinite(value) && !Object.is(value, -0);
}

/** Prefixes of strings up to 255 characters, by length. */
const PREFIXES = Array.from({ length: 256 }, (_, length) => textAtom('s', '').replace('0', String(length)));
