/** Returns a header's value as text, '' for none; lines of one header are joined as HTTP joins them. */
export function text(header: number | string | readonly string[] | undefined): string {
  if (header === undefined) return '';
  return typeof header === 'object' ? header.join(', ') : String(header);
}
