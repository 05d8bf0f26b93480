import { describe, expect, test } from 'vitest';
import { DEFAULT_COOKIES, identifies } from '../../src/views/http/session-cookies.ts';

const isSession = identifies(DEFAULT_COOKIES);

describe('cookies that identify a visitor by default', () => {
  // Of session middlewares, login services, other languages' frameworks, and tokens against forgery.
  test.each([
    ...['connect.sid', 'session', 'session.sig', 'sessionid', 'koa.sess', 'koa.sess.sig', 'koa.sid', 'koa:sess'],
    ...['sid', 'sess', 'session_id', 'session-id', '_session', '__session', '_myapp_session', 'auth', 'auth_token'],
    ...['authtoken', 'token', 'access_token', 'refresh_token', 'id_token', 'jwt', 'remember_me', 'user', 'user_id'],
    ...['remember_user_token', 'login', 'logged_in', 'next-auth.session-token', 'authjs.session-token'],
    ...['better-auth.session_token', 'appSession', 'appSession.0', 'sb-abc-auth-token', 'ory_kratos_session'],
    ...['PHPSESSID', 'JSESSIONID', 'ASP.NET_SessionId', '.AspNetCore.Identity.Application', '.ASPXAUTH'],
    ...['laravel_session', 'wordpress_logged_in_1', '_csrf', 'csrf', 'csrftoken', 'XSRF-TOKEN', 'x-csrf-token'],
    ...['__Host-session', '__Secure-authjs.session-token', 'psifi.x-csrf-token', 'sessions', 'passport'],
  ])('%s', (name) => {
    expect(isSession(name, '1')).toBe(true);
  });

  test.each([
    ['s%3Aabcdef.c2lnbmF0dXJl', 'signed'],
    ['s:abcdef.c2lnbmF0dXJl', 'signed, decoded'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln', 'a JSON Web Token'],
  ])('any with the value %s: %s', (value) => {
    expect(isSession('x', value)).toBe(true);
  });

  test.each(['_ga', '_gid', '_fbp', '_hjSession_1', '_hjSessionUser_1', 'theme', 'lang', 'consent', 'cookieyes'])(
    'not %s',
    (name) => {
      expect(isSession(name, 'eyJpZCI6MX0=')).toBe(false);
    },
  );

  test('names of one’s own come beside them, or alone', () => {
    const own = identifies(['ticket*', /^x-\d+$/]);
    expect(['ticket1', 'x-7', 'session'].map((name) => own(name, ''))).toEqual([true, true, false]);
    expect(identifies([])('session', 's:a.b')).toBe(false);
  });
});
