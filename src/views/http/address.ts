/** Where a view is: what of a request's address tells it from other views. */
export interface Address {
  /** Scheme and host; '' where hosts are not told apart. */
  readonly host: string;
  readonly path: string;
  /** Without parameters that change nothing, sorted by name. */
  readonly query: string;
}

/** Parameters that say where a visitor came from, and that no page depends on. A star stands for any ending. */
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
 * @param allowed names of the only query parameters that count; undefined for all but those that track visitors
 * @returns undefined for a request that asks for no path of this site (`*`, another site's address)
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
 * The pairs as they were written, sorted by name. Pairs of one name keep their order, and so do `a` and `a[]`, which
 * servers read into one list.
 */
function sortedQuery(search: string, counts: (name: string) => boolean): string {
  const pairs: { readonly base: string; readonly text: string }[] = [];
  for (const text of search.split('&')) {
    if (text === '') continue;
    const name = decoded((text.split('=', 1)[0] ?? '').replaceAll('+', ' '));
    const base = name.split('[', 1)[0] ?? '';
    // Behind a semicolon some servers see another parameter.
    if (counts(name) || (base !== name && counts(base)) || text.includes(';')) pairs.push({ base, text });
  }
  pairs.sort((a, b) => (a.base < b.base ? -1 : a.base > b.base ? 1 : 0));
  return pairs.map(({ text }) => text).join('&');
}

/** What a percent-encoded text says; the text itself where it says nothing. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Whether a text is one of these words, or begins like one that ends in a star; in any case of letters. */
export function matcher(words: readonly string[]): (text: string) => boolean {
  const lower = words.map((word) => word.toLowerCase());
  const exact = new Set(lower.filter((word) => !word.endsWith('*')));
  const beginnings = lower.filter((word) => word.endsWith('*')).map((word) => word.slice(0, -1));
  return (text) => {
    const own = text.toLowerCase();
    return exact.has(own) || beginnings.some((beginning) => own.startsWith(beginning));
  };
}
