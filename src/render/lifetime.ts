import { CacheSweeperError } from '../errors.ts';
import { describe } from '../util/describe.ts';
import { parseDuration } from '../util/duration.ts';
import type { Operands } from './place.ts';

type Times = Pick<Operands, 'ttl' | 'until' | 'stale'>;

/**
 * Whether a fragment must not be cached because its time is over: a template may compute a ttl from a date that has
 * passed (negative, or -0: what rounding up makes of the last second), or from one that is missing or invalid (NaN).
 *
 * @param now returns milliseconds since 1970
 * @throws CacheSweeperError CACHESWEEPER_BAD_TTL
 */
export function isOver({ ttl, until, stale }: Times, now: () => number): boolean {
  const lifetime = ttlOrNothing(ttl);
  // A wrong value is an error at each use, and not only where the fragment is made.
  staleMilliseconds(stale);
  if (!(lifetime >= 0) || Object.is(lifetime, -0)) return true;
  return isGiven(until) && !(timeOf(until) > now());
}

/** When a fragment ends, in milliseconds since 1970; Infinity for never. */
export interface End {
  readonly expires: number;
  /** Until when it may be served stale; `expires` for not at all. */
  readonly staleUntil: number;
}

/** Returns when a fragment made at a time ends. What `until=` ends is not served stale. */
export function endOf({ ttl, until, stale }: Times, made: number): End {
  const last = latest(until);
  const { expires, staleUntil } = endAfter(ttlOrNothing(ttl), staleMilliseconds(stale), made);
  return { expires: Math.min(expires, last), staleUntil: Math.min(staleUntil, last) };
}

/**
 * Returns when what is made at a time ends.
 *
 * @param lifetime milliseconds; 0 for no expiry
 * @param stale milliseconds
 */
export function endAfter(lifetime: number, stale: number, made: number): End {
  const expires = lifetime === 0 ? Number.POSITIVE_INFINITY : made + lifetime;
  return { expires, staleUntil: expires + stale };
}

/** Returns the time in `until=`, in milliseconds since 1970; Infinity where there is none. */
export function latest(until: unknown): number {
  return isGiven(until) ? timeOf(until) : Number.POSITIVE_INFINITY;
}

/**
 * Converts a ttl to milliseconds; 0 for no expiry.
 *
 * @param ttl seconds, or text such as "10m"
 * @throws CacheSweeperError CACHESWEEPER_BAD_TTL
 */
export function ttlMilliseconds(ttl: unknown): number {
  const lifetime = ttlOrNothing(ttl);
  if (lifetime >= 0) return lifetime;
  throw badTtl(ttl);
}

/**
 * Converts `stale=` to milliseconds: how long something may be served after its ttl while somebody makes it anew.
 *
 * @param stale seconds, or text such as "1m"; null, undefined and 0 for not at all
 * @throws CacheSweeperError CACHESWEEPER_BAD_TTL
 */
export function staleMilliseconds(stale: unknown): number {
  if (!isGiven(stale)) return 0;
  const lifetime = lifetimeOf(stale);
  if (lifetime !== undefined && lifetime >= 0) return lifetime;
  throw new CacheSweeperError('CACHESWEEPER_BAD_TTL', `stale= expected ${STALE_VALUES}, got ${describe(stale)}`);
}

/** What `stale` may be, for error messages. */
export const STALE_VALUES = 'a number of seconds from 0 on, or text such as "1m"';

/** Whether a value is one for `stale`. */
export function isStaleValue(stale: unknown): boolean {
  return (lifetimeOf(stale) ?? -1) >= 0;
}

/** Like {@link ttlMilliseconds}, but accepts a number below 0 and NaN. */
function ttlOrNothing(ttl: unknown): number {
  const lifetime = lifetimeOf(ttl);
  if (lifetime !== undefined) return lifetime;
  throw badTtl(ttl);
}

/** Returns the milliseconds of a number of seconds or of text with a unit; undefined for anything else. */
function lifetimeOf(time: unknown): number | undefined {
  return typeof time === 'number' && time !== Number.POSITIVE_INFINITY ? time * 1_000 : parseDuration(time);
}

function badTtl(ttl: unknown): CacheSweeperError {
  return new CacheSweeperError(
    'CACHESWEEPER_BAD_TTL',
    `the ttl expected a number of seconds (0 for no expiry) or text such as "10m", got ${describe(ttl)}`,
  );
}

function isGiven(until: unknown): boolean {
  return until !== null && until !== undefined;
}

/** Text of a time, as JSON has dates. Without a zone it would depend on where the server stands. */
const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

/** NaN for a date that is none. */
function timeOf(until: unknown): number {
  if (typeof until === 'number') return until;
  if (typeof until === 'string' && ISO_TIME.test(until)) return Date.parse(until);
  // Dates of libraries (Day.js, Luxon, Moment) have `valueOf` too.
  const value: unknown = typeof until === 'object' && until !== null ? until.valueOf() : undefined;
  if (typeof value === 'number') return value;
  throw new CacheSweeperError(
    'CACHESWEEPER_BAD_TTL',
    `until= expected a date, milliseconds since 1970 or text such as "2027-01-31T12:00:00Z", got ${describe(until)}`,
  );
}
