import type { Entry } from '../../cache/entry.ts';
import type { StoredKey } from '../../cache/key.ts';
import type { Place } from '../place.ts';

/** A hit that will be verified. */
export interface Chosen {
  /** The use of the tag: {@link UsePath.text}. */
  readonly path: string;
  readonly place: Place;
  /** {@link FragmentKey.memoryKey} */
  readonly memoryKey: string;
  readonly entry: Entry;
}

/** The tag would still be served the entry, which has this key in the store, if it is there. */
export interface Found {
  readonly stored: StoredKey | undefined;
}

/** A body that was rendered again. */
export interface RenderedToVerify {
  /** What an entry of it holds. */
  readonly html: string;
  /** What the page shows: the same, with its holes filled. */
  readonly shown: string;
}

/** One use of a tag. */
export interface TagUse {
  readonly place: Place;
  /** Returns the fragment's html as any page gets it. */
  show(): string;
  /** Renders the body. */
  body(): RenderedToVerify;
  /** Whether the tag would be served this entry; `pending` until another pass finds out. */
  find(chosen: Chosen): Found | 'pending' | 'other';
}

/** Sees each use of a tag in a render, either to choose hits for verification or to verify them. */
export interface Watch {
  /** Whether the render is a shadow: its html is not delivered, and it counts nowhere. */
  readonly isShadow: boolean;
  /** Called when a pass begins. */
  begin(): void;
  run(use: TagUse): string;
  /** Fills the holes of the entry that the current tag was served. */
  inHoles<T>(fill: () => T): T;
  /** Called when the current tag was served an entry. */
  hit(memoryKey: string, entry: Entry, place: Place): void;
  /** Returns the hits chosen in the last pass. */
  take(): readonly Chosen[];
}
