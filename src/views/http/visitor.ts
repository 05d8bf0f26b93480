/** Names under which middleware leaves the visitor: Passport and most others, JWT, OpenID Connect. */
const USER_NAMES = ['user', 'currentUser', 'auth', 'account'] as const;
/** The same in sessions. */
const SESSION_USER_NAMES = [...USER_NAMES, 'userId', 'user_id', 'uid', 'userid', 'username', 'passport'] as const;

/** Whether anything shows that a visitor is logged in. */
export function isLoggedIn(holders: readonly object[]): boolean {
  return holders.some((holder) => {
    const of = holder as Readonly<Record<string, unknown>>;
    if (USER_NAMES.some((name) => isKnownVisitor(of[name]))) return true;
    if (saysYes(of, 'isAuthenticated') || saysYes(of.oidc, 'isAuthenticated')) return true;
    const session = of.session as Readonly<Record<string, unknown>> | null | undefined;
    if (typeof session !== 'object' || session === null) return false;
    return SESSION_USER_NAMES.some((name) => isKnownVisitor(session[name]) || isKnownVisitor(got(session, name)));
  });
}

/** Returns the logged-in user and the session's content as text; undefined when they cannot be written. */
export function visitorText(holders: readonly object[]): string | undefined {
  try {
    const users = holders.map((holder) =>
      USER_NAMES.map((name) => {
        const user = (holder as Readonly<Record<string, unknown>>)[name];
        return typeof user === 'function' ? '()' : user;
      }),
    );
    return JSON.stringify([users, sessionText(holders)]);
  } catch {
    return undefined;
  }
}

/** Returns the sessions' content without their own cookies, '' for none; undefined when it cannot be written. */
export function sessionText(holders: readonly object[]): string | undefined {
  try {
    const texts = holders.map((holder) => {
      const { session } = holder as { readonly session?: unknown };
      if (typeof session !== 'object' || session === null) return '';
      const { cookie: _, ...held } = JSON.parse(JSON.stringify(session)) as Record<string, unknown>;
      return Object.keys(held).length === 0 ? '' : JSON.stringify(held);
    });
    return texts.join('');
  } catch {
    return undefined;
  }
}

/** Whether a value identifies a user. An empty object, as some middleware leaves in sessions, does not. */
function isKnownVisitor(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return !isEmpty(value);
  return value !== undefined && value !== null && value !== false && value !== '' && value !== 0;
}

function isEmpty(value: object): boolean {
  return Object.getPrototypeOf(value) === Object.prototype && Object.keys(value).length === 0;
}

function saysYes(holder: unknown, method: string): boolean {
  if (typeof holder !== 'object' || holder === null || !(method in holder)) return false;
  const says: unknown = (holder as Record<string, unknown>)[method];
  return typeof says === 'function' ? Boolean(says.call(holder)) : says === true;
}

/** Reads from sessions that have a `get` method (@fastify/secure-session). */
function got(session: object, name: string): unknown {
  return 'get' in session && typeof session.get === 'function' && session.get.length === 1
    ? session.get(name)
    : undefined;
}
