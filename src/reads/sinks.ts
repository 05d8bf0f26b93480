import type { Identity } from '../model/identity.ts';
import { type Atom, atom } from './atom.ts';
import type { Sink } from './sink.ts';

/** Longest text of values that a fragment is compared by. A longer one takes more time than rendering most bodies. */
const MAX_TEXT = 65_536;

/** A value that cannot be compared, which keeps a fragment from being stored. */
export interface Unseen {
  readonly path: string;
  readonly why: string;
}

/** Collects the text of all values. */
export class Collector implements Sink {
  text = '';
  /** The first value that could not be compared. */
  unseenValue: Unseen | undefined;
  isPending = false;
  isTooMuch = false;
  readonly isMeeting: boolean;
  readonly #met: ((identity: Identity) => void) | undefined;

  /** @param met called with each model on the way */
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
    // Go on, so that functions that follow are registered as met too; the next page then trusts them.
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

/**
 * Collects the text for a key. A value that cannot be compared becomes a mark; that is safe, because no fragment that
 * read it was stored.
 */
export class KeyCollector extends Collector {
  override unseen(): boolean {
    return this.add('?');
  }
}
