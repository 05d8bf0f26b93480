/**
 * Cookies that say who somebody is, by the usual middlewares and services, and those of tokens against forgery. A star
 * stands for any ending; prefixes of browsers (`__Host-`, `__Secure-`) are looked behind.
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
  // other names that sites give theirs
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
  // other languages' frameworks behind the same host
  'phpsessid',
  'jsessionid',
  'asp.net_sessionid',
  '.aspnetcore.*',
  '.aspxauth',
  'laravel_session',
  'wordpress_logged_in_*',
  // tokens against forgery: csurf, csrf-csrf, lusca, @fastify/csrf-protection, Django, Angular
  '_csrf*',
  'csrf*',
  'xsrf-token',
  'x-csrf-token',
  'psifi.x-csrf-token',
];

/** The names of a request's cookies, and their values. */
export function cookiesOf(header: string | undefined): [name: string, value: string][] {
  if (header === undefined) return [];
  return header.split(';').map((pair) => {
    const equals = pair.indexOf('=');
    return equals === -1 ? ['', pair.trim()] : [pair.slice(0, equals).trim(), pair.slice(equals + 1).trim()];
  });
}

/** A cookie's name without what it promises to browsers. */
export function bareName(name: string): string {
  return name.replace(/^__(host|secure)-/i, '');
}
