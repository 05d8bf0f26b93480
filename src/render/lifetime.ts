import { CacheSweeperError } from '../errors.ts';
import { describe } from '../util/describe.ts';
import { parseDuration } from '../util/duration.ts';
import type { Operands } from './place.ts';

type Times = Pick<Operands, 'ttl' | 'until'>;

/**
 * Whether a fragment must not be cached because its time is over: a template may compute a ttl from a date that has
 * passed (negative, or -0: what rounding up makes of the last second), or from one that is missing or invalid (NaN).
 *
 * @param now returns milliseconds since 1970
 * @throws CacheSweeperError CACHESWEEPER_BAD_TTL
 */
export function isOver({ ttl, until }: Times, now: () => number): boolean {
  const lifetime = ttlOrNothing(ttl);
  if (!(lifetime >= 0) || Object.is(lifetime, -0)) return true;
  return isGiven(until) && !(timeOf(until) > now());
}

/** Returns when a fragment made at a time expires, in milliseconds since 1970; Infinity for never. */
export function expiryOf({ ttl, until }: Times, made: number): number {
  const lifetime = ttlOrNothing(ttl);
  return Math.min(lifetime === 0 ? Number.POSITIVE_INFINITY : made + lifetime, latest(until));
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

/** The same, but accepts a number below 0 and NaN. */
function ttlOrNothing(ttl: unknown): number {
  if (typeof ttl === 'number' && ttl !== Number.POSITIVE_INFINITY) return ttl * 1_000;
  const duration = parseDuration(ttl);
  if (duration !== undefined) return duration;
  throw badTtl(ttl);
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
