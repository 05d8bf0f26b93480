/** The page of this site that `/compare?path=` asks to see twice; undefined if it is not one. */
export function comparedPath(value: unknown): string | undefined {
  const path = value ?? '/';
  // Resolved as a browser would, so that `//elsewhere` and `/\elsewhere` are seen for what they are.
  if (typeof path !== 'string' || !path.startsWith('/') || !URL.canParse(path, 'http://site')) return undefined;
  const { origin, pathname } = new URL(path, 'http://site');
  return origin === 'http://site' && pathname !== '/compare' ? pathname : undefined;
}
