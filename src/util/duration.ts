import ms, { type StringValue } from 'ms';

/** A text such as "100ms", "3s", "10m", "1.5 hours". Bare numbers are not durations: nobody can see their unit. */
const WITH_UNIT = /^\d+(\.\d+)?\s*[a-z]+$/i;

/** Milliseconds of a duration with a unit; undefined for anything else. */
export function milliseconds(text: unknown): number | undefined {
  if (typeof text !== 'string' || text.length > 40 || !WITH_UNIT.test(text.trim())) return undefined;
  const value: unknown = ms(text.trim() as StringValue);
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
