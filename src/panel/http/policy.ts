import type { OutgoingHttpHeader } from 'node:http';
import { text } from '../../views/http/header-text.ts';

/** How a script of this site can be on a page. */
export type ScriptPolicy = { readonly nonce: string | undefined } | 'refused';

const NONCE = /^'nonce-([\w+/=-]+)'$/i;

/**
 * Tells whether the Content-Security-Policy of a page lets it load a script of its own site, and with which nonce.
 *
 * @param header as it is sent; several policies must all allow it
 * @param host `Host` of the request
 * @param html the page, which may hold policies in `<meta>`
 */
export function scriptPolicy(
  header: OutgoingHttpHeader | undefined,
  host: string | undefined,
  html: string,
): ScriptPolicy {
  const policies = [...text(header).split(','), ...metaPolicies(html)]
    .map(sourcesOfScripts)
    .filter((sources) => sources !== undefined);
  const nonce = policies.flatMap((sources) => sources.flatMap((source) => NONCE.exec(source)?.[1] ?? []))[0];
  const allows = (sources: readonly string[]): boolean =>
    (nonce !== undefined && sources.some((source) => NONCE.exec(source)?.[1] === nonce)) || allowsOwn(sources, host);
  return policies.every(allows) ? { nonce } : 'refused';
}

const META = /<meta\s[^>]*http-equiv\s*=\s*["']?content-security-policy(?=["'\s>])[^>]*>/gi;
const CONTENT = /\scontent\s*=\s*(?:"([^"]*)"|'([^']*)')/i;

/** Returns the policies in the html of a page. One in a comment counts too: the worst that comes of it is a page without the strip. */
function metaPolicies(html: string): readonly string[] {
  const tags = html.match(META) ?? [];
  return tags.flatMap((tag) => {
    const [, double, single] = CONTENT.exec(tag) ?? [];
    return (double ?? single ?? '').replace(/&(?:#39|#x27|apos);/gi, "'").split(',');
  });
}

/** Returns what a policy allows for `<script>`; undefined for everything. */
function sourcesOfScripts(policy: string): readonly string[] | undefined {
  const directives = new Map<string, readonly string[]>();
  for (const directive of policy.split(';')) {
    const [name, ...sources] = directive.trim().split(/\s+/);
    // The first of a name counts.
    if (name !== undefined && name !== '' && !directives.has(name.toLowerCase()))
      directives.set(name.toLowerCase(), sources);
  }
  const sandbox = directives.get('sandbox');
  if (sandbox !== undefined && !sandbox.some((allowed) => allowed.toLowerCase() === 'allow-scripts')) return [];
  const names = ['script-src-elem', 'script-src', 'default-src'];
  const found = names.find((name) => directives.has(name));
  return found === undefined ? undefined : directives.get(found);
}

/** Whether addresses of the site itself are allowed. With `'strict-dynamic'` no address is. */
function allowsOwn(sources: readonly string[], host: string | undefined): boolean {
  const lower = sources.map((source) => source.toLowerCase());
  if (lower.includes("'strict-dynamic'")) return false;
  return lower.some(
    (source) =>
      source === "'self'" ||
      source === '*' ||
      (host !== undefined && source.replace(/^https?:\/\//, '').replace(/\/$/, '') === host),
  );
}
