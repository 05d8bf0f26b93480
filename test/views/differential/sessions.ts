import { createHmac } from 'node:crypto';
import type { Framework } from './program.ts';

export const SECRET = 'a secret of at least 32 characters';
/** No list of session cookies has this name. */
export const COOKIE = 'visit';

/** What the session of a visitor holds: always the same, so that a page is made from nothing but its request. */
export function sessionOf(visitor: string): Record<string, unknown> {
  return visitor === 'nobody' ? {} : { member: visitor, basket: [`${visitor}’s shoes`] };
}

/** The cookie of a session, as the framework's own middleware would have set it. */
export function sessionCookie(framework: Framework, visitor: string): string {
  if (framework === 'koa') {
    return `${COOKIE}=${Buffer.from(JSON.stringify(sessionOf(visitor))).toString('base64')}`;
  }
  // What the site makes of it is not signed.
  if (framework === 'hapi') return `${COOKIE}=${visitor}`;
  const sign = createHmac('sha256', SECRET).update(visitor).digest('base64').replace(/=+$/, '');
  const prefix = framework === 'fastify' ? '' : 's:';
  return `${COOKIE}=${encodeURIComponent(`${prefix}${visitor}.${sign}`)}`;
}
