/**
 * Names of what a handler can read of a request, as they stand in keys, reports and the option `except`:
 * `headers.accept-language`, `cookies.theme`, `cookies` (all of them), `session`, `ip`, and, below the framework's
 * objects, what middleware left there: `req.lang`, `ctx.lang`, `locals.lang`, `state.lang`.
 */
export type ReadName = string;

export const COOKIES = 'cookies';
export const SESSION = 'session';
/** The id of a session, which tells visitors apart also where their sessions hold nothing yet. */
export const SESSION_ID = 'session.id';
export const IP = 'ip';
export const CERTIFICATE = 'certificate';
export const ALL_HEADERS = 'headers';
export const SET = 'set';
/** Variables of the visitor that the option `holes` gives. */
export const HOLES = 'holes';

const HEADERS = 'headers.';

export function headerRead(name: string): ReadName {
  return `${HEADERS}${name}`;
}

/** Name of a read of a response header that middleware has set. */
export function setRead(name: string): ReadName {
  return `${SET}.${name}`;
}

export function cookieRead(name: string): ReadName {
  return `${COOKIES}.${name}`;
}

/** Splits a name at its first dot. */
export function splitRead(name: ReadName): readonly [first: string, rest: string] {
  const dot = name.indexOf('.');
  return dot === -1 ? [name, ''] : [name.slice(0, dot), name.slice(dot + 1)];
}

/** Names of the framework's own parts, and of loggers. */
const TOOLS: ReadonlySet<string> = new Set(['log', 'app', 'res', 'next', 'route']);

/** Whether a read found what cannot shape a page, if no key can hold it. Plain data of such a name can. */
export function isTool(name: ReadName): boolean {
  const [first, rest] = splitRead(name);
  return first !== COOKIES && first !== 'headers' && TOOLS.has(rest);
}

/**
 * Returns a test whether a read counts.
 *
 * @param except names of reads that do not count: `theme` for any object's, `cookies.theme` for one, `cookies` for all
 */
export function countingReads(except: readonly string[]): (name: ReadName) => boolean {
  const left = new Set(except);
  return (name) => {
    if (left.has(name) && !name.startsWith(`${HOLES}.`)) return false;
    const [first, rest] = splitRead(name);
    if (rest === '' || first === HOLES) return true;
    return !left.has(first) && (first === COOKIES || first === 'headers' || !left.has(rest));
  };
}

/** Headers that middleware sets for some visitors, and that stay as they are on a hit. Their names are in no key. */
export const NOT_IN_KEY: ReadonlySet<string> = new Set(['set-cookie', 'cache-control']);
