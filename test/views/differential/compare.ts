import type { Trace } from './door.ts';
import type { Answer } from './wire.ts';

/** What belongs to a connection or a moment, and what the cache adds. */
const OWN: ReadonlySet<string> = new Set([
  ...['x-cache', 'etag', 'last-modified', 'age', 'accept-ranges', 'date', 'connection', 'keep-alive'],
  ...['transfer-encoding', 'content-length', 'cache-control', 'vary', 'set-cookie'],
]);

export const fieldOf = ({ headers }: Answer, name: string): string => headers.get(name)?.join(', ') ?? '';

/** What the site without a cache answers, and what its handler has read. */
export interface Expected {
  readonly answer: Answer;
  readonly trace: Trace;
}

/**
 * Returns how an answer differs from the one without a cache; undefined if it does not.
 *
 * @param held the body that a client holds who is told that it has not changed
 */
export function difference({ answer, trace }: Expected, got: Answer, held: string | undefined): string | undefined {
  const unshared = mayBeShared(got) && (trace.personal ?? (got.headers.has('set-cookie') ? 'set-cookie' : undefined));
  const outcome = fieldOf(got, 'x-cache');
  const tookNoPart = outcome === '' || outcome.startsWith('skip');
  const isUntouched = tookNoPart && fieldOf(got, 'cache-control') === fieldOf(answer, 'cache-control');
  if (unshared && !isUntouched) {
    return `read ${unshared}, and yet any cache may keep it: ${fieldOf(got, 'cache-control') || 'no Cache-Control'}`;
  }
  const named = fieldOf(got, 'vary').toLowerCase().split(/, */);
  const untold = [...trace.headers].find((name) => isNamable(name) && !named.includes(name));
  if (untold !== undefined && mayBeShared(got) && !tookNoPart && fieldOf(got, 'vary') !== '*') {
    return `read ${untold}, and Vary does not say so: ${fieldOf(got, 'vary')}`;
  }
  if (got.status === 304) {
    if (answer.status === 304) return undefined;
    if (held === undefined) return 'a 304 for a page that nobody was sent';
    return answer.status === 200 && held === answer.body ? undefined : `a 304 for another page: ${held}`;
  }
  if (got.status !== answer.status) return `status ${got.status} instead of ${answer.status}`;
  if (got.body !== answer.body) return 'another body';
  return headerDifference(answer, got);
}

function headerDifference(expected: Answer, got: Answer): string | undefined {
  for (const name of new Set([...expected.headers.keys(), ...got.headers.keys()])) {
    if (OWN.has(name) || fieldOf(expected, name) === fieldOf(got, name)) continue;
    // Of its own page for what is not found, Koa tells HEAD no type. A hit has the head of GET, as RFC 9110 has it.
    const isOfHead = expected.status === 404 && expected.body === '' && !expected.headers.has(name);
    if (isOfHead && name === 'content-type') continue;
    return `header ${name}: ${fieldOf(got, name)} instead of ${fieldOf(expected, name)}`;
  }
  const lengths = [expected, got].map((answer) => fieldOf(answer, 'content-length'));
  // Express' own page for what is not found names the method: HEAD has one byte more.
  const namesMethod = expected.status === 404 && expected.body === '';
  if (lengths[0] && lengths[1] && lengths[0] !== lengths[1] && !namesMethod)
    return `content-length ${lengths[1]} instead of ${lengths[0]}`;
  const named = fieldOf(got, 'vary').toLowerCase().split(/, */);
  const missing = fieldOf(expected, 'vary')
    .toLowerCase()
    .split(/, */)
    .find((name) => !named.includes(name));
  if (missing) return `Vary lacks ${missing}`;
  if (cookieNames(expected) !== cookieNames(got))
    return `Set-Cookie ${cookieNames(got)} instead of ${cookieNames(expected)}`;
  return cacheControlDifference(fieldOf(expected, 'cache-control'), fieldOf(got, 'cache-control'));
}

const cookieNames = ({ headers }: Answer) => (headers.get('set-cookie') ?? []).map((one) => one.split('=')[0]).join();

function cacheControlDifference(expected: string, got: string): string | undefined {
  const browsersOnly = [
    'private',
    ...expected.split(/, */).filter((one) => !/^(?:public|s-maxage.*|)$/.test(one)),
  ].join(', ');
  const isFine =
    got === expected || ['private, no-cache', browsersOnly].includes(got) || (expected === '' && got === 'no-cache');
  return isFine ? undefined : `Cache-Control ${got} instead of ${expected}`;
}

/** In the key of every cache, answered by the cache itself, or such that the page is private where they are there. */
const NOT_NAMED: ReadonlySet<string> = new Set([
  ...['host', 'cookie', 'authorization', 'if-none-match', 'if-modified-since', 'cache-control', 'pragma', 'range'],
  ...['if-match', 'if-unmodified-since', 'if-range', 'proxy-authorization'],
]);

function isNamable(name: string): boolean {
  return !NOT_NAMED.has(name) && /^[\w.!#$%&'*+^`|~-]{1,200}$/.test(name) && !(name in Object.prototype);
}

function mayBeShared(answer: Answer): boolean {
  return !/\b(?:private|no-store)\b/.test(fieldOf(answer, 'cache-control'));
}
