import type { Headers } from './exchange.ts';
import { text } from './header-text.ts';

/** Fields for a cache in front of the site, which this one is as well. The first that gives a lifetime decides: RFC 9213. */
const TARGETED = ['surrogate-control', 'cdn-cache-control'] as const;
/** Directives that forbid storing a response for others. */
const FORBIDDEN = /\b(?:private|no-store|no-cache)\b/i;
/** A directive with its argument: a token or a quoted text. */
const DIRECTIVE = /([^\s=,;"]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?/g;

/** Whether a response says that no shared cache may keep it. */
export function isForbidden(headers: Headers): boolean {
  const fields = ['cache-control', ...TARGETED].map((name) => text(headers[name]));
  return fields.some((field) => FORBIDDEN.test(field)) || /no-cache/i.test(text(headers.pragma));
}

/**
 * Returns how long a shared cache may still serve a response, in milliseconds; undefined if the response does not say.
 * A text that is no number of seconds, and no date in Expires, means that it is stale: RFC 9111, section 4.2.1 and 5.3.
 *
 * @param now milliseconds since 1970, when the response was received
 */
export function lifetimeOf(headers: Headers, now: number): number | undefined {
  const lifetime =
    TARGETED.map((name) => seconds(headers[name], 'max-age')).find((given) => given !== undefined) ??
    seconds(headers['cache-control'], 's-maxage') ??
    seconds(headers['cache-control'], 'max-age');
  const milliseconds = lifetime === undefined ? expiresIn(headers, now) : lifetime * 1_000;
  return milliseconds === undefined ? undefined : Math.max(0, milliseconds - ageOf(headers) * 1_000);
}

/** Returns for how many seconds another cache has kept a response that a handler passes on. */
export function ageOf(headers: Headers): number {
  const age = text(headers.age).trim();
  return /^\d{1,9}$/.test(age) ? Number(age) : 0;
}

/** Returns the number of seconds of a directive, the least if it is there more than once; undefined without it. */
function seconds(field: Headers[string] | undefined, directive: string): number | undefined {
  let least: number | undefined;
  for (const [, name = '', quoted, plain] of text(field).matchAll(DIRECTIVE)) {
    if (name.toLowerCase() !== directive) continue;
    // Surrogate-Control may add a time in which a stale response may be served: `max-age=60+30`.
    const [, digits] = /^(\d+)(?:\+\d+)?$/.exec(quoted ?? plain ?? '') ?? [];
    least = Math.min(least ?? Number.POSITIVE_INFINITY, Number(digits ?? 0));
  }
  return least;
}

function expiresIn({ expires, date }: Headers, now: number): number | undefined {
  if (expires === undefined) return undefined;
  return (dateOf(expires) ?? Number.NEGATIVE_INFINITY) - (dateOf(date) ?? now);
}

/** A date begins with the name of a day: RFC 9110, section 5.6.7. `Date.parse` takes "9999" for a year. */
function dateOf(header: Headers[string] | undefined): number | undefined {
  const date = /^[a-z]{3}/i.test(text(header)) ? Date.parse(text(header)) : Number.NaN;
  return Number.isNaN(date) ? undefined : date;
}
