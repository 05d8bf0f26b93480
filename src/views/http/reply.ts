import type { IncomingHttpHeaders, OutgoingHttpHeader } from 'node:http';
import { digest } from '../../util/digest.ts';
import { isStrong, validatorMet } from './conditional.ts';
import type { Headers, Reply } from './exchange.ts';
import { text } from './header-text.ts';
import { ageOf } from './lifetime.ts';
import { NOT_STORED, type StoredView } from './sound-view.ts';

/** Headers of a view that are not sent in an outage. */
const FOR_CACHES: ReadonlySet<string> = new Set(['cache-control', 'expires', 'last-modified']);

const EMPTY = Buffer.alloc(0);

/** Headers that a 304 repeats: RFC 9110, section 15.4.5. */
const NOT_MODIFIED: ReadonlySet<string> = new Set([
  'cache-control',
  'content-location',
  'expires',
  'vary',
  'surrogate-key',
  'cache-tag',
  'xkey',
  'surrogate-control',
  'cdn-cache-control',
]);

/**
 * Returns the part of a response that the handler made.
 *
 * @param before headers set before the handler ran; the code that set them does so for each request
 */
export function storedView(
  sent: { readonly status: number; readonly headers: Headers; readonly body: Buffer },
  before: Headers,
  created: number,
): StoredView {
  const { status, headers, body } = sent;
  const dropped = new Set([
    ...NOT_STORED,
    ...text(headers.connection)
      .toLowerCase()
      .split(/[\s,]+/),
  ]);
  const changed = Object.entries(headers).filter(
    ([name, value]) => !dropped.has(name) && JSON.stringify(value) !== JSON.stringify(before[name]),
  );
  const removed = Object.keys(before).filter((name) => !(name in headers) && !dropped.has(name));
  const etag = isStrong(headers.etag) ? headers.etag : strongTag(headers, body);
  return {
    status,
    headers: Object.fromEntries(changed),
    removed,
    etag,
    created,
    age: ageOf(headers),
    body,
    isText: false,
    open: [],
    openHeaders: [],
    holes: [],
    environment: '',
  };
}

/** Returns an entity tag that depends only on the body, its type and its coding, so that all processes agree on it. */
export function strongTag(headers: Headers, body: Buffer): string {
  const kind = JSON.stringify([text(headers['content-type']), text(headers['content-encoding'])]);
  return `"${digest(`${kind}\n${body.toString('latin1')}`, 27)}"`;
}

/**
 * Returns the answer to a request from a stored view: the view, or a 304. The tag tells which page a client has. We make no
 * Last-Modified: the pages of one address that differ by what was read, and those of two servers, whose clocks differ, have dates
 * that say nothing about each other. A Cache-Control that middleware has set for
 * this request stays in place of the one from the options, and where neither it nor the handler says anything, that of the
 * options counts: the view may have been made for a request for which middleware had set one.
 *
 * In an outage the view may be an old one: it is sent as a whole, with nothing that lets anybody keep it.
 *
 * @param now milliseconds since 1970
 * @param control Cache-Control that is set already, and that of the options
 */
export function replyWith(
  view: StoredView,
  request: { readonly method?: string | undefined; readonly headers: IncomingHttpHeaders },
  now: number,
  control: { readonly before: Headers[string] | undefined; readonly ours: string | undefined },
  isOutage: boolean,
): Reply {
  const { headers, etag, created, age, removed, status, body } = view;
  const modified = text(headers['last-modified']) || undefined;
  const isAny = isFilled(view) && request.headers['if-none-match']?.trim() === '*';
  const met = status === 200 && !isAny && !isOutage ? validatorMet(request.headers, etag, modified) : undefined;
  const isReplaced =
    control.before !== undefined && control.ours !== undefined && headers['cache-control'] === control.ours;
  const all: Record<string, OutgoingHttpHeader> = {};
  // Copy by hand: this is the longest step of a hit.
  for (const name in headers) {
    if ((isReplaced && name === 'cache-control') || (isOutage && FOR_CACHES.has(name))) continue;
    if (met === undefined || NOT_MODIFIED.has(name)) all[name] = headers[name] as OutgoingHttpHeader;
  }
  if (isOutage) all['cache-control'] = 'no-store';
  else if (control.before === undefined && control.ours !== undefined) all['cache-control'] ??= control.ours;
  all['X-Cache'] = 'hit';
  if (met !== undefined) {
    all.ETag = met;
    return {
      status: 304,
      headers: all,
      removed: [...removed, 'content-type', 'content-length'],
      body: EMPTY,
      isText: false,
    };
  }
  if (!isOutage) all.ETag = etag;
  all['Accept-Ranges'] = 'none';
  all['Content-Length'] = body.length;
  all.Age = age + Math.max(0, Math.floor((now - created) / 1_000));
  return { status, headers: all, removed, body, isText: view.isText };
}

function isFilled({ open, openHeaders }: StoredView): boolean {
  return open.length + openHeaders.length > 0;
}
