import { watched } from '../../util/watched.ts';
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

/** Returns an object of cookies that records each read of one of them. A cookie may have the name of a method. */
export function watchedCookies(cookies: object, reads: ReadRecorder): object {
  return watched(cookies, {
    member: (name) => reads.read(cookieRead(name)),
    all: () => reads.read(COOKIES),
  });
}
