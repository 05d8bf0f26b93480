import type { Derived, Holder } from '../http/exchange.ts';
import { leftOn } from './left-behind.ts';
import { SESSION } from './read-names.ts';
import type { RequestReads } from './request-reads.ts';
import { isCookieObject, watchedCookies } from './watched-cookies.ts';
import { watchedSession } from './watched-session.ts';

type Values = Record<string, unknown>;

/**
 * Records reads of what middleware has left on an object, until the function that it returns is called.
 *
 * @param isVisitors whether a session on it is the visitor's
 */
export function watchProperties(holder: Holder, isVisitors: boolean, reads: RequestReads): () => void {
  const { name, object } = holder;
  const undo: (() => void)[] = [];
  for (const key of leftOn(holder)) {
    const read = key === SESSION && isVisitors ? key : `${name}.${key}`;
    const original = Object.getOwnPropertyDescriptor(object, key) as PropertyDescriptor;
    if (original.configurable) undo.push(watchProperty({ object, key, original, read }, reads));
    // It cannot be watched, so take it as read.
    else reads.readValue(read, (object as Values)[key]);
  }
  return () => {
    for (const one of undo) one();
  };
}

function watchProperty(
  {
    object,
    key,
    original,
    read,
  }: {
    readonly object: object;
    readonly key: string;
    readonly original: PropertyDescriptor;
    readonly read: string;
  },
  reads: RequestReads,
): () => void {
  let made: { readonly value: unknown } | undefined;
  let cookies: object | undefined;
  let session: unknown;
  const get = function (this: unknown): unknown {
    if (made !== undefined) return made.value;
    // A getter of middleware may look at the whole request; what it returns is what counts.
    const value = original.get === undefined ? original.value : got(read, () => original.get?.call(object), reads);
    if (!reads.isRecording) return value;
    if (isCookieObject(key, value)) {
      cookies ??= watchedCookies(value, reads);
      return cookies;
    }
    if (read === SESSION) {
      session ??= watchedSession(value, reads);
      return session;
    }
    return reads.shown(read, value);
  };
  const set = (value: unknown): void => {
    if (original.set === undefined) made = { value };
    else original.set.call(object, value);
  };
  Object.defineProperty(object, key, { configurable: true, enumerable: original.enumerable ?? false, get, set });
  return () => {
    // The handler may have deleted or redefined it.
    if (Object.getOwnPropertyDescriptor(object, key)?.get !== get) return;
    Object.defineProperty(object, key, made === undefined ? original : { ...DATA, ...made });
  };
}

/** Calls a getter of middleware. One that fails shows the handler something, too. */
function got(read: string, get: () => unknown, reads: RequestReads): unknown {
  try {
    return reads.deriving(get);
  } catch (error) {
    reads.readAll(read);
    throw error;
  }
}

const DATA = { configurable: true, enumerable: true, writable: true } as const;

/** Gives getters a name of their own. What they read to find their result does not count, until the returned call. */
export function watchDerived({ object, names, read }: Derived, reads: RequestReads): () => void {
  const undo = names.flatMap((name) => {
    if (Object.hasOwn(object, name) || !(name in object)) return [];
    const parent = Object.getPrototypeOf(object) as object;
    const get = (): unknown => {
      if (read !== undefined) reads.read(read);
      const now = Object.getPrototypeOf(object) as object;
      // A mounted application may trust other proxies, so that it finds something else than what is in the key.
      if (now !== parent) return Reflect.get(now, name, object);
      return reads.deriving(() => Reflect.get(parent, name, object));
    };
    const set = (value: unknown) => void Object.defineProperty(object, name, { ...DATA, value });
    Object.defineProperty(object, name, { configurable: true, enumerable: false, get, set });
    return [
      () => {
        if (Object.getOwnPropertyDescriptor(object, name)?.get === get) Reflect.deleteProperty(object, name);
      },
    ];
  });
  return () => {
    for (const one of undo) one();
  };
}
