/** The parts of a request's address that tell views apart. */
export interface Address {
  /** Scheme and host; only the scheme where all hosts share views. */
  readonly host: string;
  readonly path: string;
  /** With its question mark; '' for none. */
  readonly query: string;
  /** All urls of the request, as the handler is given them; first the original one. */
  readonly urls: readonly string[];
  /** Names of parameters that were left out. */
  readonly dropped: readonly string[];
  /** Names of the only parameters that count, if they are listed. */
  readonly order: readonly string[] | undefined;
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

/** Parsers of queries stop at some number of parameters, the strictest at this one. */
const MAX_PARAMETERS = 100;

/**
 * Returns the address of a request; undefined if it asks for no path of this site (`*`, or another site's address), or
 * if parsers may disagree about what it says.
 *
 * @param query names of the only query parameters that count; undefined for all except those that track visitors
 */
export function addressOf(
  {
    urls,
    protocol,
    host,
    incoming,
  }: {
    readonly urls: readonly string[];
    readonly protocol: string;
    readonly host: string;
    readonly incoming: { readonly headers: { readonly host?: string | undefined } };
  },
  { ignoreHost, query }: { readonly ignoreHost: boolean; readonly query: readonly string[] | undefined },
): Address | undefined {
  const all: Normalized[] = [];
  for (const url of urls) {
    const found = normalized(url, query);
    if (found === undefined) return undefined;
    all.push(found);
  }
  const { url: target } = all[0] as Normalized;
  const raw = incoming.headers.host ?? '';
  // The framework may take the host from another header, or read this one otherwise than a handler.
  const hosts = raw === host ? host : `${host} ${raw}`;
  const end = target.indexOf('?');
  return {
    host: ignoreHost ? `${protocol}://` : `${protocol}://${hosts}`,
    path: end === -1 ? target : target.slice(0, end),
    query: end === -1 ? '' : target.slice(end),
    urls: all.map(({ url }) => url),
    dropped: [...new Set(all.flatMap(({ dropped }) => dropped))],
    order: query,
  };
}

/** A target without the parameters that do not count. */
interface Normalized {
  readonly url: string;
  /** Names of parameters that were left out. */
  readonly dropped: readonly string[];
}

/**
 * Leaves out parameters that do not count. The others stay as they were sent; if their names are listed, they stand in
 * the order of the list.
 */
function normalized(target: string, query: readonly string[] | undefined): Normalized | undefined {
  if (!target.startsWith('/') || target.includes('#')) return undefined;
  const start = target.indexOf('?');
  if (start === -1) return { url: target, dropped: [] };
  const pairs = target.slice(start + 1).split('&');
  if (pairs.length > MAX_PARAMETERS) return undefined;
  const kept: { readonly place: number; readonly text: string }[] = [];
  const dropped: string[] = [];
  for (const text of pairs) {
    const name = decoded((text.split('=', 1)[0] ?? '').replaceAll('+', ' '));
    // Some parsers read `[page]` as `page`, and `;` as `&`.
    if (name.startsWith('[') || text.includes(';')) return undefined;
    const base = name.split('[', 1)[0] ?? '';
    const place =
      query === undefined ? (isTracking(base) ? -1 : 0) : query.findIndex((one) => one === name || one === base);
    if (place !== -1) kept.push({ place, text });
    else if (text !== '') {
      if (!SIMPLE_NAME.test(base) || !SIMPLE_BRACKETS.test(name.slice(base.length))) return undefined;
      // Parsers that know no brackets keep the whole name.
      dropped.push(...new Set([base, name]));
    }
  }
  if (dropped.length === 0 && query === undefined) return { url: target, dropped };
  kept.sort((a, b) => a.place - b.place);
  const search = kept.map(({ text }) => text).join('&');
  return { url: target.slice(0, start) + (search === '' ? '' : `?${search}`), dropped };
}

/** All parsers agree on such a name. */
const SIMPLE_NAME = /^[\w.~ -]+$/;
const SIMPLE_BRACKETS = /^[\w.~ [\]-]*$/;

/** Returns a parsed query without the parameters that were left out of the address, in the address' order. */
export function queryOf(parsed: object, address: Address): object {
  if (parsed instanceof URLSearchParams) return searchOf(parsed, address);
  const { dropped, order } = address;
  const copy = Object.assign(Object.create(Object.getPrototypeOf(parsed) as object | null), parsed) as Record<
    string,
    unknown
  >;
  for (const name of dropped) Reflect.deleteProperty(copy, name);
  if (order === undefined) return copy;
  const entries = Object.entries(copy).sort(byOrder(order));
  return Object.assign(Object.create(Object.getPrototypeOf(parsed) as object | null), Object.fromEntries(entries));
}

function searchOf(parsed: URLSearchParams, { dropped, order }: Address): URLSearchParams {
  const kept = [...parsed].filter(([name]) => !dropped.includes(name));
  return new URLSearchParams(order === undefined ? kept : kept.sort(byOrder(order)));
}

/** Compares pairs of a query by the place of their names in a list. */
function byOrder(order: readonly string[]) {
  const rank = (key: string) => {
    const place = order.indexOf(key);
    return place === -1 ? order.length : place;
  };
  return ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => rank(a) - rank(b);
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
