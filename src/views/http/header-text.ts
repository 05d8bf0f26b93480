import type { Headers } from './exchange.ts';

/** Returns a header's value as text, '' for none; lines of one header are joined as HTTP joins them. */
export function text(header: Headers[string] | undefined): string {
  if (header === undefined) return '';
  return Array.isArray(header) ? header.join(', ') : String(header);
}
