import type { Identity } from '../model/identity.ts';
import type { Atom, Presence } from './atom.ts';
import type { ReadNode } from './read-node.ts';

/** Receives the text of a walk's values piece by piece. Each method returns whether the walk should go on. */
export interface Sink {
  add(text: string): boolean;
  /** Called for a value that cannot be compared. */
  unseen(path: string, why: string): boolean;
  /** Called when there is more than can be compared. */
  tooMuch(): boolean;
  /** Called for a value that is still being loaded. */
  pending(): boolean;
  /** Called for a value that is not an object; {@link atom} gives its text. */
  addAtom(value: Atom): boolean;
  /**
   * May compare all that is below a model at once. Returns undefined if it cannot; then the text follows through `add`.
   */
  below?(node: ReadNode, value: object, presence: Presence): boolean | undefined;
  /** Whether the sink wants calls of {@link met}. */
  readonly isMeeting: boolean;
  /** Called for each model on the way. */
  met(identity: Identity): void;
}

/** Thrown when a walk finds more than it can write. */
export class TooMuch extends Error {}
