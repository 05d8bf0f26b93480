import type { Asked, SiteOptions } from './program.ts';

const TRACKING =
  /^(?:utm_.*|gclid|gclsrc|dclid|gbraid|wbraid|fbclid|msclkid|yclid|twclid|ttclid|li_fat_id|igshid|mc_cid|mc_eid|mkt_tok|_ga|_gl|_hsenc|_hsmi|srsltid|vero_id)$/i;

/** The address as it was asked for. */
export function targetOf({ path, query, fragment }: Asked): string {
  return `${path}${query.length === 0 ? '' : `?${query.join('&')}`}${fragment}`;
}

/**
 * The address as documented: without parameters that do not count, in the order in which they were sent, or in that of the option `query`.
 * Undefined for an address that the cache leaves alone.
 */
export function normalised(asked: Asked, { query: allowed }: SiteOptions): Asked | undefined {
  const { query, fragment } = asked;
  if (fragment !== '' || query.length > 100) return undefined;
  if (query.some((pair) => nameOf(pair).startsWith('['))) return undefined;
  if (allowed === undefined) return { ...asked, query: query.filter((pair) => !isTracking(nameOf(pair))) };
  const listed = query.filter((pair) => allowed.includes(baseOf(pair)));
  return { ...asked, query: listed.sort((a, b) => allowed.indexOf(baseOf(a)) - allowed.indexOf(baseOf(b))) };
}

const isTracking = (name: string) => TRACKING.test(name) || /^utm_/i.test(name);
const baseOf = (pair: string) => nameOf(pair).split('[', 1)[0] as string;

function nameOf(pair: string): string {
  const name = (pair.split('=', 1)[0] as string).replaceAll('+', ' ');
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
