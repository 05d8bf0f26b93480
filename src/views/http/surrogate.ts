import { digest } from '../../util/digest.ts';
import type { SurrogateHeader } from '../options.ts';
import { VIEW_TYPE } from '../view-names.ts';

/** A key that every page has whose names were too many: every bump purges it. */
const COARSE = 'cachesweeper-any';
/** A key longer than this is a digest: Fastly's limit is 1,024 characters. */
const MAX_KEY = 200;

/**
 * A name as a CDN's key: letters, digits and `_ . : = * @ ~ - /` stay, everything else is written %XX, so that no list
 * is cut in the wrong place.
 */
function surrogateKey(name: string): string {
  // encodeURIComponent throws on lone surrogates.
  const key = Buffer.from(name, 'utf8')
    .toString('latin1')
    .replace(/[^A-Za-z0-9_.:=*@~/-]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return key.length <= MAX_KEY ? key : `sha256:${digest(name)}`;
}

/**
 * What a CDN must purge when names were bumped, for the `onBump` option: the names' keys, and the key of the pages
 * that have too many to list.
 *
 * @example
 * new CacheSweeper({ onBump: (names) => purge(surrogateKeys(names)) });
 */
export function surrogateKeys(names: readonly string[]): string[] {
  return [...new Set([...names.map(surrogateKey), COARSE])];
}

/**
 * The header's value for the names a page depends on. When it gets too long, rows give way to the lists of their types,
 * which a change of any row bumps as well; when that is still too long, all give way to one key that every bump purges.
 *
 * @param isComplete whether all names are known; false while a page is still being written
 */
export function surrogateValue(
  names: readonly string[],
  { header, maxBytes }: { readonly header: SurrogateHeader; readonly maxBytes: number },
  isComplete: boolean,
): string {
  const separator = header === 'Cache-Tag' ? ',' : ' ';
  if (!isComplete) return COARSE;
  const fine = names.map(surrogateKey).join(separator);
  if (fine.length <= maxBytes) return fine;
  const lists = new Set(names.map((name) => surrogateKey(listOf(name))));
  const coarse = [...lists].join(separator);
  return coarse.length <= maxBytes ? coarse : COARSE;
}

/** The list that a bump of a row reaches as well. Views have none: they are expired one by one. */
function listOf(name: string): string {
  return name.startsWith(VIEW_TYPE) ? name : name.replace(/:=[\s\S]*$/, ':*');
}
