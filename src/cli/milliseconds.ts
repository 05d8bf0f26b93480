const FORMAT = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

/** Returns a time as people read it: `1,990 ms`, `0.0123 ms`. */
export function inMs(milliseconds: number): string {
  return `${FORMAT.format(milliseconds)} ms`;
}
