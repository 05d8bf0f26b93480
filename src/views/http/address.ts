/** The parts of a request's address that tell views apart. */
export interface Address {
  /** Scheme and host; '' where all hosts share views. */
  readonly host: string;
  readonly path: string;
  /** Query without parameters that do not count, sorted by name. */
  readonly query: string;
}

/** Parameters that tell where a visitor came from. Pages do not depend on them. A final `*` matches any ending. */
const TRACKING: readonly string[] = [
  'utm_*',
  'gclid',
  'gclsrc',
  'dclid',
  'gbraid',
  'wbraid',
  'fbclid',
  'msclkid',
  'yclid',
  'twclid',
  'ttclid',
  'li_fat_id',
  'igshid',
  'mc_cid',
  'mc_eid',
  'mkt_tok',
  '_ga',
  '_gl',
  '_hsenc',
  '_hsmi',
  'srsltid',
  'vero_id',
];
const isTracking = matcher(TRACKING);

/**
 * Returns the address of a request; undefined if it asks for no path of this site (`*`, or another site's address).
 *
 * @param query names of the only query parameters that count; undefined for all except those that track visitors
 */
export function addressOf(
  { target, protocol, host }: { readonly target: string; readonly protocol: string; readonly host: string },
  { ignoreHost, query }: { readonly ignoreHost: boolean; readonly query: readonly string[] | undefined },
): Address | undefined {
  if (!target.startsWith('/')) return undefined;
  const end = target.search(/[?#]/);
  const path = end === -1 ? target : target.slice(0, end);
  const search = end === -1 || target[end] === '#' ? '' : (target.slice(end + 1).split('#')[0] ?? '');
  const allowed = query && new Set(query);
  const counts = (name: string) => (allowed === undefined ? !isTracking(name) : allowed.has(name));
  return {
    host: ignoreHost ? '' : `${protocol}://${host.toLowerCase()}`,
    path,
    query: sortedQuery(search, counts),
  };
}

/**
 * Sorts the pairs by name and keeps their spelling. Pairs of one name keep their order, as do `a` and `a[]`, which
 * servers read into one list.
 */
function sortedQuery(search: string, counts: (name: string) => boolean): string {
  const pairs: { readonly base: string; readonly text: string }[] = [];
  for (const text of search.split('&')) {
    if (text === '') continue;
    const name = decoded((text.split('=', 1)[0] ?? '').replaceAll('+', ' '));
    const base = name.split('[', 1)[0] ?? '';
    // Some servers treat a semicolon as a separator, so the pair may contain another parameter that counts.
    if (counts(name) || (base !== name && counts(base)) || text.includes(';')) pairs.push({ base, text });
  }
  pairs.sort((a, b) => (a.base < b.base ? -1 : a.base > b.base ? 1 : 0));
  return pairs.map(({ text }) => text).join('&');
}

/** Decodes a percent-encoded text; returns it unchanged if it is malformed. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Returns a test whether a text equals one of these words, or starts like one that ends in `*`, ignoring case. */
export function matcher(words: readonly string[]): (text: string) => boolean {
  const lower = words.map((word) => word.toLowerCase());
  const exact = new Set(lower.filter((word) => !word.endsWith('*')));
  const beginnings = lower.filter((word) => word.endsWith('*')).map((word) => word.slice(0, -1));
  return (text) => {
    const own = text.toLowerCase();
    return exact.has(own) || beginnings.some((beginning) => own.startsWith(beginning));
  };
}
