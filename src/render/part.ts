import { AsyncLocalStorage } from 'node:async_hooks';
import type { Frame } from './frame.ts';

/**
 * What pages are rendered for: what they were made from is counted in its frame. A lazy is one, and a whole view.
 */
export interface Part {
  readonly frame: Frame;
  /** Its data is not older than this: milliseconds since 1970. */
  readonly since: number;
  /** Whether its pages may look for private names outside of fragments, as long as there is nothing under them. */
  readonly mayMissPrivate: boolean;
}

const storage = new AsyncLocalStorage<Part | undefined>();

/** What the pages that are rendered here belong to, if anything. */
export function currentPart(): Part | undefined {
  return storage.getStore();
}

/** Runs something whose renders belong to nothing. */
export function inNoPart<T>(run: () => T): T {
  return storage.run(undefined, run);
}

/** Runs something whose renders belong to a part. */
export function inPart<T>(part: Part, run: () => T): T {
  return storage.run(part, run);
}
