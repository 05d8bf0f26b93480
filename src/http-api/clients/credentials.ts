const NAMES: ReadonlySet<string> = new Set(['authorization', 'cookie']);

/**
 * Whether headers have credentials.
 *
 * @param headers in each of the forms that clients take: Headers, an object, a list of pairs, or a flat list of names and values
 */
export function hasCredentials(headers: unknown): boolean {
  if (typeof headers !== 'object' || headers === null) return false;
  if (Array.isArray(headers) && !headers.every(Array.isArray)) {
    return headers.some((name, i) => i % 2 === 0 && isCredential(name, headers[i + 1]));
  }
  const pairs = Symbol.iterator in headers ? [...(headers as Iterable<unknown>)] : Object.entries(headers);
  return pairs.some((pair) => Array.isArray(pair) && isCredential(pair[0], pair[1]));
}

function isCredential(name: unknown, value: unknown): boolean {
  return NAMES.has(String(name).toLowerCase()) && value !== undefined && value !== null && value !== false;
}
