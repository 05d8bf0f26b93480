import type { Identity } from '../model/identity.ts';
import type { Atom, Presence } from './atom.ts';
import type { ReadNode } from './shape.ts';

/** Takes the text of the values as it comes. Each method says whether it is worth going on. */
export interface Sink {
  add(text: string): boolean;
  /** A value that nobody can compare. */
  unseen(path: string, why: string): boolean;
  /** There is more than can be compared. */
  tooMuch(): boolean;
  /** A value that is still being loaded. */
  pending(): boolean;
  /** A value that is no object, as {@link atom} writes it. */
  addAtom(value: Atom): boolean;
  /** May take what is below a model at once; undefined if it is to be handed the text. */
  below?(node: ReadNode, value: object, presence: Presence): boolean | undefined;
  /** Whether it wants to be told of models. */
  readonly isMeeting: boolean;
  /** A model was met on the way. */
  met(identity: Identity): void;
}

/** Thrown where a walk finds that there is more than it can write. */
export class TooMuch extends Error {}
