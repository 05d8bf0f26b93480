import type { Identity } from '../model/identity.ts';
import { type Atom, atom } from './atom.ts';
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

  addAtom(value: Atom): boolean {
    return this.add(atom(value));
  }

  tooMuch(): boolean {
    this.isTooMuch = true;
    return false;
  }

  unseen(path: string, why: string): boolean {
    this.unseenValue ??= { path, why };
    // What comes behind is met too: a function is trusted by the next page that meets it.
    return this.add('?');
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
