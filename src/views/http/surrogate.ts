import { VIEW_TYPE } from '../../model/sparse-names.ts';
import { digest } from '../../util/digest.ts';
import type { SurrogateHeader } from '../options.ts';

/** Key of pages whose names did not fit into the header. Every bump purges it. */
const COARSE = 'cachesweeper-any';
/** Longer keys become a digest. Fastly's limit is 1,024 characters. */
const MAX_KEY = 200;

/**
 * Returns a name as a key for a CDN. Letters, digits and `_ . : = * @ ~ - /` stay; other bytes are written %XX, so that
 * no key contains a separator.
 */
function surrogateKey(name: string): string {
  // Not encodeURIComponent, which throws on lone surrogates.
  const key = Buffer.from(name, 'utf8')
    .toString('latin1')
    .replace(/[^A-Za-z0-9_.:=*@~/-]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return key.length <= MAX_KEY ? key : `sha256:${digest(name)}`;
}

/**
 * Returns the keys that a CDN must purge after a bump, for the `onBump` option: those of the names, and the one of
 * pages with too many names.
 *
 * @example
 * new CacheSweeper({ onBump: (names) => purge(surrogateKeys(names)) });
 */
export function surrogateKeys(names: readonly string[]): string[] {
  return [...new Set([...names.map(surrogateKey), COARSE])];
}

/**
 * Returns the header's value for the names a page depends on. If it is too long, lists of types replace rows, because a
 * change of a row bumps its list as well. If that is still too long, one key that every bump purges replaces all.
 *
 * @param isComplete whether all names are known; false while the page is still being written
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

/** Returns the list that a bump of a row also bumps. Views have no list, because each is invalidated alone. */
function listOf(name: string): string {
  return name.startsWith(VIEW_TYPE) ? name : name.replace(/:=[\s\S]*$/, ':*');
}
