import type { IncomingHttpHeaders, ServerResponse } from 'node:http';

/** What a client says about the answer that it has. */
export type Validators = Pick<IncomingHttpHeaders, 'if-none-match' | 'if-modified-since'>;

/** An entity tag in If-None-Match: RFC 9110, section 8.8.3. */
const ENTITY_TAG = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g;

/**
 * Returns the validator that shows that the client already has the answer; undefined if the answer must be sent.
 * If-None-Match is compared weakly; If-Modified-Since counts only without it (RFC 9110, section 13).
 *
 * @param etag strong or weak; an outer compression may have added its coding to the tag that the client got
 * @param modified Last-Modified of the answer, if it has one
 */
export function validatorMet(headers: Validators, etag: string, modified: string | undefined): string | undefined {
  const noneMatch = headers['if-none-match'];
  if (noneMatch !== undefined) {
    if (noneMatch.trim() === '*') return etag;
    return noneMatch.match(ENTITY_TAG)?.find((tag) => isSame(tag, etag));
  }
  const since = Date.parse(headers['if-modified-since'] ?? '');
  return modified !== undefined && Date.parse(modified) <= since ? etag : undefined;
}

/** Headers of a body, which a 304 does not have. */
const OF_BODIES = ['content-type', 'content-length', 'content-encoding', 'content-language', 'transfer-encoding'];

/** Turns a response that is about to be sent into the 304 for it. */
export function makeNotModified(response: ServerResponse): void {
  response.statusCode = 304;
  // HTTP/2 has no messages. An own one, such as Koa's "OK", was for the status before.
  if (Object.hasOwn(response, 'statusMessage')) response.statusMessage = '';
  for (const name of OF_BODIES) response.removeHeader(name);
}

/**
 * Whether two tags are equal, or differ only by an added content coding. Either way the client has this representation.
 */
function isSame(tag: string, etag: string): boolean {
  const [given, own] = [opaque(tag), opaque(etag)];
  return given === own || (given.startsWith(`${own}.`) && CODING.test(given.slice(own.length + 1)));
}

const CODING = /^[a-z]{2,10}$/;

function opaque(tag: string): string {
  return tag.replace(/^W\//, '').slice(1, -1);
}

/** Returns the tag of a representation after a content coding was applied. */
export function codedTag(etag: string, coding: string): string {
  const name = coding.toLowerCase();
  return CODING.test(name) ? `${etag.slice(0, -1)}.${name}"` : `W/${etag}`;
}

/**
 * Makes the response's tag follow its content coding. An outer compression chooses the coding when the head is sent,
 * after the tag was set; but a strong tag must not name two different byte sequences (RFC 9110, section 8.8.3.3).
 */
export function tagCodings(response: ServerResponse): void {
  const { setHeader } = response;
  const tagged: ServerResponse['setHeader'] = function (this: ServerResponse, name, value) {
    if (name.length === CONTENT_ENCODING.length && name.toLowerCase() === CONTENT_ENCODING) {
      const etag = this.getHeader('etag');
      const isCoding = typeof value === 'string' && value !== 'identity';
      if (isCoding && isStrong(etag)) setHeader.call(this, 'ETag', codedTag(etag, value));
    }
    return setHeader.call(this, name, value);
  };
  response.setHeader = tagged;
}

const CONTENT_ENCODING = 'content-encoding';

export function isStrong(etag: unknown): etag is string {
  return typeof etag === 'string' && /^"[\x21\x23-\x7e\x80-\xff]*"$/.test(etag);
}
