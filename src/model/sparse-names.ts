/** Type of all whole views. No class can have this name. */
export const VIEW_TYPE = '@view';

const SPARSE = `${VIEW_TYPE}:=`;
/** Guards stand for the names of all views, so there are few; a collision costs that one view is not stored once. */
const GUARDS = 256;

/**
 * Whether a name has a token in a store only while something is stored under it, or after a bump. These are the own
 * names of views: a request can make up any number of them, so a request alone must not write one.
 *
 * A missing token tells nothing of bumps. So each bump of a sparse name bumps its guard as well, and {@link guardOf} is
 * read before a view is made and after its token was made: if it is the same, nothing was bumped between.
 */
export function isSparse(name: string): boolean {
  return name.startsWith(SPARSE);
}

/** Returns the guard of a sparse name: one of a few names that always have a token. */
export function guardOf(name: string): string {
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = (Math.imul(hash, 31) + name.charCodeAt(i)) | 0;
  return `${VIEW_TYPE}:~${(hash >>> 0) % GUARDS}`;
}
