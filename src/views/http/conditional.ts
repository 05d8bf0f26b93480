import type { IncomingHttpHeaders, ServerResponse } from 'node:http';

/** An entity tag as If-None-Match lists them: RFC 9110, section 8.8.3. */
const ENTITY_TAG = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g;

/**
 * The validator by which a client has already got what would be sent, or undefined: it has to be sent. If-None-Match
 * is compared weakly, and If-Modified-Since counts only without it (RFC 9110, section 13).
 *
 * @param etag strong or weak; a compression outside may have added its name to the one that was sent
 * @param modified the Last-Modified that is sent, if one is
 */
export function validatorMet(
  headers: Pick<IncomingHttpHeaders, 'if-none-match' | 'if-modified-since'>,
  etag: string,
  modified: string | undefined,
): string | undefined {
  const noneMatch = headers['if-none-match'];
  if (noneMatch !== undefined) {
    if (noneMatch.trim() === '*') return etag;
    return noneMatch.match(ENTITY_TAG)?.find((tag) => isSame(tag, etag));
  }
  const since = Date.parse(headers['if-modified-since'] ?? '');
  return modified !== undefined && Date.parse(modified) <= since ? etag : undefined;
}

/** The same representation, or the same in another content coding: both are what the client has in mind. */
function isSame(tag: string, etag: string): boolean {
  const [given, own] = [opaque(tag), opaque(etag)];
  return given === own || (given.startsWith(`${own}.`) && CODING.test(given.slice(own.length + 1)));
}

const CODING = /^[a-z]{2,10}$/;

function opaque(tag: string): string {
  return tag.replace(/^W\//, '').slice(1, -1);
}

/** The tag of a representation in a content coding that was chosen after the tag. */
function codedTag(etag: string, coding: string): string {
  const name = coding.toLowerCase();
  return CODING.test(name) ? `${etag.slice(0, -1)}.${name}"` : `W/${etag}`;
}

/**
 * A compression that stands outside chooses a coding when the head is sent, behind the tag: from now on a tag follows
 * the coding, because a strong one must not name two different sequences of bytes (RFC 9110, section 8.8.3.3).
 */
export function tagCodings(response: ServerResponse): void {
  const { setHeader } = response;
  const tagged: ServerResponse['setHeader'] = function (this: ServerResponse, name, value) {
    const etag = this.getHeader('etag');
    const isCoding = name.toLowerCase() === 'content-encoding' && typeof value === 'string' && value !== 'identity';
    if (isCoding && isStrong(etag)) setHeader.call(this, 'ETag', codedTag(etag, value));
    return setHeader.call(this, name, value);
  };
  response.setHeader = tagged;
}

export function isStrong(etag: unknown): etag is string {
  return typeof etag === 'string' && /^"[\x21\x23-\x7e\x80-\xff]*"$/.test(etag);
}
