import type { Derived, Holder, LocalsAt, ReadRecorder } from '../http/exchange.ts';
import { cookieRead } from './read-names.ts';
import type { RequestReads } from './request-reads.ts';

type Values = Record<string, unknown>;

/** Objects with a cookie's value under its name, as cookie parsers leave them. */
const COOKIE_OBJECTS: ReadonlySet<string> = new Set(['cookies', 'signedCookies']);

/** Records reads of what middleware has left on an object, until the function that it returns is called. */
export function watchProperties({ name: holder, object, isOwn }: Holder, reads: RequestReads): () => void {
  const undo: (() => void)[] = [];
  for (const key of Object.keys(object)) {
    if (isOwn(key)) continue;
    const read = key === 'session' ? key : `${holder}.${key}`;
    const original = Object.getOwnPropertyDescriptor(object, key) as PropertyDescriptor;
    // A tracer has put its own in the place of a method. What that reads of the request is recorded.
    if (typeof original.value === 'function' && key in Object.getPrototypeOf(object)) continue;
    if (!original.configurable) {
      // It cannot be watched, so take it as read.
      reads.readValue(read, (object as Values)[key]);
      continue;
    }
    undo.push(watchProperty({ object, key, original, read }, reads));
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
  const get = function (this: unknown): unknown {
    if (made !== undefined) return made.value;
    // A getter of middleware may look at the whole request; what it returns is what counts.
    const value = original.get === undefined ? original.value : reads.deriving(() => original.get?.call(object));
    if (!reads.isRecording) return value;
    if (COOKIE_OBJECTS.has(key) && typeof value === 'object' && value !== null) {
      cookies ??= watchedCookies(value, reads);
      return cookies;
    }
    reads.readValue(read, value);
    return value;
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

const DATA = { configurable: true, enumerable: true, writable: true } as const;

/** Returns an object of cookies that records each read of one of them. */
export function watchedCookies(cookies: object, reads: ReadRecorder): object {
  const note = (name: string | symbol): void => {
    if (typeof name === 'string' && !(name in Object.prototype)) reads.read(cookieRead(name));
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
      reads.read('cookies');
      return Reflect.ownKeys(target);
    },
  });
}

/** Gives getters a name of their own. What they read to find their result does not count, until the returned call. */
export function watchDerived({ object, names, read }: Derived, reads: RequestReads): () => void {
  const undo = names.flatMap((name) => {
    if (Object.hasOwn(object, name) || !(name in object)) return [];
    const parent = Object.getPrototypeOf(object) as object;
    const get = (): unknown => {
      if (read !== undefined) reads.read(read);
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

/** The variables that middleware has left for templates, while a handler runs. */
export interface WatchedLocals {
  /** Records that a page looked up a variable. */
  lookedUp(name: string): void;
  /** Records that a page, or a function of it, asked for all variables. */
  lookedUpAll(): void;
  undo(): void;
}

/** Records reads of variables for templates. */
export function watchLocals({ object, key, read }: LocalsAt, reads: RequestReads): WatchedLocals | undefined {
  const original = Object.getOwnPropertyDescriptor(object, key);
  const locals: unknown = original?.value;
  if (typeof locals !== 'object' || locals === null || original?.configurable !== true) return undefined;
  /** Variables that code behind the cache has set. */
  const made = new Set<string | symbol>();
  const counts = (name: string | symbol): name is string =>
    typeof name === 'string' && reads.isRecording && !made.has(name) && Object.hasOwn(locals, name);
  const watched = new Proxy(locals, {
    get(target, name, receiver) {
      const value: unknown = Reflect.get(target, name, receiver);
      if (counts(name)) reads.readLocal(read, name, value);
      return value;
    },
    getOwnPropertyDescriptor(target, name) {
      const found = Reflect.getOwnPropertyDescriptor(target, name);
      if (found !== undefined && counts(name)) reads.askLocal(read, name, found.value);
      return found;
    },
    ownKeys(target) {
      const names = Reflect.ownKeys(target);
      if (reads.isRecording) reads.copies(names.filter(counts));
      return names;
    },
    set(target, name, value) {
      made.add(name);
      return Reflect.set(target, name, value);
    },
    defineProperty(target, name, descriptor) {
      made.add(name);
      return Reflect.defineProperty(target, name, descriptor);
    },
    deleteProperty(target, name) {
      made.add(name);
      return Reflect.deleteProperty(target, name);
    },
  });
  Object.defineProperty(object, key, { ...original, value: watched });
  const lookedUp = (name: string): void => {
    if (counts(name)) reads.readValue(`${read}.${name}`, (locals as Values)[name]);
  };
  return {
    lookedUp,
    lookedUpAll() {
      for (const name of Object.keys(locals)) lookedUp(name);
    },
    undo() {
      if ((object as Values)[key] === watched) Object.defineProperty(object, key, original);
    },
  };
}
