import type { ReadRecorder } from '../http/exchange.ts';
import { COOKIES, cookieRead } from './read-names.ts';

/** Objects with a cookie's value under its name, as cookie parsers leave them. */
const COOKIE_OBJECTS: readonly string[] = ['cookies', 'signedCookies'];

/** Whether the value of a property holds cookies by their names. */
export function isCookieObject(key: string, value: unknown): value is object {
  return COOKIE_OBJECTS.includes(key) && typeof value === 'object' && value !== null;
}

/** Returns the objects of cookies that are on an object of the framework. */
export function cookieObjectsOf(object: object): object[] {
  return COOKIE_OBJECTS.flatMap((key) => {
    const value = Object.hasOwn(object, key) ? (object as Readonly<Record<string, unknown>>)[key] : undefined;
    return isCookieObject(key, value) ? [value] : [];
  });
}

/** Returns an object of cookies that records each read of one of them. */
export function watchedCookies(cookies: object, reads: ReadRecorder): object {
  /** Those that code behind the cache has set. */
  const made = new Set<string | symbol>();
  const note = (name: string | symbol): void => {
    // A cookie may have the name of a method.
    if (typeof name === 'string' && !made.has(name)) reads.read(cookieRead(name));
  };
  return new Proxy(cookies, {
    get(target, name, receiver) {
      note(name);
      return Reflect.get(target, name, receiver);
    },
    has(target, name) {
      note(name);
      return Reflect.has(target, name);
    },
    getOwnPropertyDescriptor(target, name) {
      note(name);
      return Reflect.getOwnPropertyDescriptor(target, name);
    },
    ownKeys(target) {
      reads.read(COOKIES);
      return Reflect.ownKeys(target);
    },
    set(target, name, value) {
      made.add(name);
      return Reflect.set(target, name, value);
    },
    deleteProperty(target, name) {
      made.add(name);
      return Reflect.deleteProperty(target, name);
    },
  });
}
