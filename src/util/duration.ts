import ms, { type StringValue } from 'ms';

/** Matches "100ms", "3s", "10m" or "1.5 hours". A bare number is no duration, because its unit would be a guess. */
const WITH_UNIT = /^\d+(\.\d+)?\s*[a-z]+$/i;

/** Returns the milliseconds of a duration with a unit; undefined for anything else. */
export function parseDuration(text: unknown): number | undefined {
  if (typeof text !== 'string' || text.length > 40 || !WITH_UNIT.test(text.trim())) return undefined;
  const value: unknown = ms(text.trim() as StringValue);
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
