/**
 * Cookies that identify a visitor, of the usual middleware and services, and cookies of CSRF tokens. A final `*`
 * matches any ending. The prefixes `__Host-` and `__Secure-` are ignored.
 */
export const DEFAULT_COOKIES: readonly string[] = [
  // express-session, cookie-session, @fastify/session, @fastify/secure-session, koa-session, koa-generic-session
  'connect.sid',
  'session',
  'session.*',
  'sessionid',
  'koa.sess*',
  'koa.sid*',
  'koa:sess*',
  // other frequent names
  'sid',
  'sess',
  'session_id',
  'session-id',
  '_session*',
  '__session*',
  'auth',
  'auth_*',
  'auth-*',
  'authtoken',
  'token',
  'access_token',
  'refresh_token',
  'id_token',
  'jwt',
  'remember_me',
  'remember_token',
  'remember_user_token',
  'user',
  'user_id',
  'login',
  'logged_in',
  // Auth.js, Better Auth, Auth0, Supabase, Ory, Passport.js starters
  'next-auth.*',
  'authjs.*',
  'better-auth.*',
  'appsession*',
  'sb-*',
  'ory_*',
  'passport*',
  // other languages' frameworks on the same host
  'phpsessid',
  'jsessionid',
  'asp.net_sessionid',
  '.aspnetcore.*',
  '.aspxauth',
  'laravel_session',
  'wordpress_logged_in_*',
  // CSRF tokens: csurf, csrf-csrf, lusca, @fastify/csrf-protection, Django, Angular
  '_csrf*',
  'csrf*',
  'xsrf-token',
  'x-csrf-token',
  'psifi.x-csrf-token',
];

/** Returns the names and values of a request's cookies. */
export function cookiesOf(header: string | undefined): [name: string, value: string][] {
  if (header === undefined) return [];
  return header.split(';').map((pair) => {
    const equals = pair.indexOf('=');
    return equals === -1 ? ['', pair.trim()] : [pair.slice(0, equals).trim(), pair.slice(equals + 1).trim()];
  });
}

/** Returns a cookie's name without the prefix `__Host-` or `__Secure-`. */
export function bareName(name: string): string {
  return name.replace(/^__(host|secure)-/i, '');
}
