import type { Lookup } from './store.ts';

/** The two answers for a key that carry no value. */
export const MISSING: Lookup = { state: 'missing' };
export const UNKNOWN: Lookup = { state: 'unknown' };
