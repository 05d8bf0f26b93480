import type { Entry } from '../../cache/entry.ts';
import type { StoredKey } from '../../cache/key.ts';
import type { Place } from '../place.ts';

/** A hit that will be verified. */
export interface Chosen {
  /** Which use of a tag it was: {@link UsePath.text}. */
  readonly path: string;
  readonly place: Place;
  /** {@link FragmentKey.memoryKey} */
  readonly memoryKey: string;
  readonly entry: Entry;
}

/** An entry stands where it was served: under this key in the store, if it is there. */
export interface Found {
  readonly stored: StoredKey | undefined;
}

/** One use of a tag, as a watch sees it. */
export interface TagUse {
  readonly place: Place;
  /** The fragment's html, as every page gets it. */
  show(): string;
  /** The html of its body, which is rendered for it. */
  body(): string;
  /** Whether the tag would be served this entry; `pending` while that is being found out, in another pass. */
  find(chosen: Chosen): Found | 'pending' | 'other';
}

/** Sees each use of a tag in a render: to choose hits that are verified later, or to verify them. */
export interface Watch {
  /** Nothing of the render counts: nobody gets its html. */
  readonly isShadow: boolean;
  /** A pass begins. */
  begin(): void;
  run(use: TagUse): string;
  /** The tag that is being run was served an entry. */
  hit(memoryKey: string, entry: Entry, place: Place): void;
  /** Hands over what was chosen in the last pass. */
  take(): readonly Chosen[];
}
