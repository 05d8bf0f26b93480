/** A `<base>` with an address that names a host. */
const BASE = /<base\s[^>]*?href\s*=\s*["']?\s*((?:https?:)?\/\/[^"'\s>]*)/i;

/**
 * Whether the `<base>` of a page makes its addresses those of another site, which would be asked for the panel's script.
 *
 * @param host `Host` of the request
 */
export function hasOtherBase(html: string, host: string | undefined): boolean {
  const [, href = ''] = BASE.exec(html) ?? [];
  return URL.canParse(href, 'http://site') && href !== '' && new URL(href, 'http://site').host !== host;
}
