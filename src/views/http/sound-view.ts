import type { Hole } from '../../cache/hole.ts';
import { MAX_INFLATED } from '../../cache/shared/compression.ts';
import { isStrong } from './conditional.ts';
import type { Headers } from './exchange.ts';
import { areOpenHeaders, areOpenPlaces, type OpenHeader, type OpenPlace } from './open-places.ts';
import { headersReason } from './response-rules.ts';

/** A view in the form that an entry's text holds. */
export interface StoredView {
  readonly status: number;
  /** Headers that the handler set or changed. */
  readonly headers: Headers;
  /** Headers that the handler removed. */
  readonly removed: readonly string[];
  /** A strong entity tag. */
  readonly etag: string;
  /** Milliseconds since 1970. */
  readonly created: number;
  /** Seconds for which another cache had kept it before. */
  readonly age: number;
  readonly body: Buffer;
  /** Whether the body was stored as text. */
  readonly isText: boolean;
  /** Places of the body, in order, and of the headers where each visitor's own values are put in. */
  readonly open: readonly OpenPlace[];
  readonly openHeaders: readonly OpenHeader[];
  /** Holes of its templates, which stand in open places of the body. */
  readonly holes: readonly Hole[];
  /** The environment that fills them. */
  readonly environment: string;
}

/**
 * Headers that belong to one connection, one message or one moment: RFC 9110, section 7.6.1, and RFC 9111, section 3.1.
 * Headers named by Connection are left out as well.
 */
export const NOT_STORED: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authentication-info',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'date',
  'age',
  'set-cookie',
  'content-length',
  'etag',
  'x-cache',
]);

/** Headers that Node sends once only over HTTP/2: a list of values for one of them would fail in the middle of an answer. */
const SENT_ONCE: ReadonlySet<string> = new Set([
  ...['access-control-allow-credentials', 'access-control-max-age', 'access-control-request-method', 'authorization'],
  ...[
    'content-encoding',
    'content-language',
    'content-location',
    'content-md5',
    'content-range',
    'content-type',
    'dnt',
  ],
  ...['expires', 'from', 'host', 'if-match', 'if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since'],
  ...['last-modified', 'location', 'max-forwards', 'proxy-authorization', 'range', 'referer', 'retry-after', 'tk'],
  ...['upgrade-insecure-requests', 'user-agent', 'x-content-type-options'],
]);

/** Statuses that may be cached. */
export const CACHED_STATUSES = [200, 301, 308, 404, 410] as const;

const MAX_HEADERS = 100;
/** Node's own limit for the head of a message. */
const MAX_HEADER_BYTES = 16_384;
/** A header's name in lower case: RFC 9110, section 5.6.2. */
const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]{1,200}$/;
/** What Node sends as a header's value. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** The last time that a `Date` can hold. */
const MAX_TIME = 8_640_000_000_000_000;

/** Larger ages are written like this one: RFC 9111, section 1.2.2. */
const MAX_AGE = 2 ** 31;

/** The headers that a view adds and removes. */
type Changes = Pick<StoredView, 'headers' | 'removed'>;

/** Whether the headers are few enough to be stored. */
export function isSmall({ headers, removed }: Changes): boolean {
  const pairs = Object.entries(headers);
  if (pairs.length + removed.length > MAX_HEADERS) return false;
  const texts = [...removed, ...pairs.flatMap(([name, value]) => [name, String(value)])];
  return texts.reduce((bytes, text) => bytes + text.length, 0) <= MAX_HEADER_BYTES;
}

/**
 * Whether a view that came from a store is one that this package may have stored. Someone else may be able to write to
 * the store; what Node refuses to send would fail in the middle of an answer.
 *
 * @param view of any content
 */
export function isSound(view: { readonly [K in keyof StoredView]: unknown }): view is StoredView {
  const { status, headers, removed, etag, created, age, body, open, openHeaders, holes, environment } = view;
  if (!(CACHED_STATUSES as readonly unknown[]).includes(status)) return false;
  if (!isStrong(etag) || etag.length > MAX_HEADER_BYTES) return false;
  if (!Number.isInteger(created) || (created as number) < 0 || (created as number) > MAX_TIME) return false;
  if (!Number.isInteger(age) || (age as number) < 0 || (age as number) > MAX_AGE) return false;
  if (!(body instanceof Buffer) || body.length > MAX_INFLATED) return false;
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) return false;
  if (!Array.isArray(removed) || !removed.every(isName)) return false;
  const areSound = Object.entries(headers).every(
    ([name, value]) =>
      isName(name) && !NOT_STORED.has(name) && (isValue(value) || (!SENT_ONCE.has(name) && isList(value))),
  );
  // Others have read the holes already.
  if (!Array.isArray(holes) || typeof environment !== 'string') return false;
  if (!areSound || !areOpenPlaces(open, body.length) || !areOpenHeaders(openHeaders, headers as Headers)) return false;
  return isSmall({ headers, removed } as Changes) && headersReason(headers as Headers) === undefined;
}

export function isName(name: unknown): name is string {
  return typeof name === 'string' && NAME.test(name);
}

function isValue(value: unknown): boolean {
  return typeof value === 'number' || isText(value);
}

function isList(value: unknown): boolean {
  return Array.isArray(value) && value.every(isText);
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && VALUE.test(value);
}
