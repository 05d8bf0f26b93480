import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Header in which the panel's script sends its token. A page of another site cannot send it without being asked first. */
export const TOKEN_HEADER = 'x-cachesweeper-token';

/** Whether a page of this site has sent a request that changes something, with the token that only its script knows. */
export function isFromPanel({ headers }: IncomingMessage, token: string): boolean {
  const given = Buffer.from(String(headers[TOKEN_HEADER] ?? ''));
  const expected = Buffer.from(token);
  return isSameOrigin(headers) && given.length === expected.length && timingSafeEqual(given, expected);
}

/** Browsers say where a request comes from; those that do not say it for all requests send `Origin` with a POST. */
function isSameOrigin(headers: IncomingMessage['headers']): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  const { origin } = headers;
  return (
    origin !== undefined && URL.canParse(origin) && new URL(origin).host === (headers.host ?? headers[':authority'])
  );
}

/** Whether a page of another site asks for something that only the panel's pages read. */
export function isFromElsewhere({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site'];
  return site !== undefined && site !== 'same-origin' && site !== 'none';
}
