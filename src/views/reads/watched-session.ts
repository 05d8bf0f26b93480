import { SESSION, SESSION_ID } from './read-names.ts';
import type { RequestReads } from './request-reads.ts';

/** Names under which a session has its id. */
const IDS: ReadonlySet<string | symbol> = new Set(['id', 'sessionId', 'sessionID']);

/**
 * Returns a session that records reads of its id. Sessions that hold nothing are alike but for that, and mostly it cannot
 * be replaced.
 */
export function watchedSession(session: unknown, reads: RequestReads): unknown {
  reads.read(SESSION);
  if (typeof session !== 'object' || session === null) return session;
  return new Proxy(session, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value === 'function' && name !== 'constructor' && !isFixed(target, name))
        return ofSession(value as Method, target);
      // It may be the name of something else that somebody has put into the session.
      if (IDS.has(name) && typeof value === 'string' && !isData(target, name)) reads.read(SESSION_ID);
      return value;
    },
  });
}

type Method = (...args: unknown[]) => unknown;

/** A method works on the session itself, which may have private fields. */
function ofSession(method: Method, session: object): Method {
  return (...args) => method.apply(session, args);
}

/** Whether a proxy must show a property as it is. */
function isFixed(object: object, name: string | symbol): boolean {
  const own = Object.getOwnPropertyDescriptor(object, name);
  return own !== undefined && !own.configurable && own.writable === false;
}

/** Whether a property is a part of what the session holds, which is compared. */
function isData(object: object, name: string | symbol): boolean {
  return Object.prototype.propertyIsEnumerable.call(object, name);
}
