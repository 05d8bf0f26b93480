import { changes } from '../../util/watched.ts';
import type { LocalsAt } from '../http/exchange.ts';
import { hasVariable, variablesOf } from './left-behind.ts';
import type { RequestReads } from './request-reads.ts';

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
  const locals: unknown = Reflect.get(object, key);
  if (typeof locals !== 'object' || locals === null) return undefined;
  /** Variables that code behind the cache has set. */
  const made = new Set<string | symbol>();
  const counts = (name: string | symbol): name is string =>
    typeof name === 'string' && reads.isRecording && !made.has(name) && hasVariable(locals, name);
  const lookedUp = (name: string): void => {
    if (counts(name)) reads.readValue(`${read}.${name}`, valueAt(locals, name, reads));
  };
  const lookedUpAll = (): void => {
    for (const name of variablesOf(locals)) lookedUp(name);
  };
  const watched = new Proxy(locals, {
    ...changes((name) => made.add(name)),
    get(target, name, receiver) {
      if (!counts(name)) return Reflect.get(target, name, receiver) as unknown;
      const value = valueAt(target, name, reads);
      reads.readLocal(read, name, value);
      return reads.given(`${read}.${name}`, value);
    },
    getOwnPropertyDescriptor(target, name) {
      const found = Reflect.getOwnPropertyDescriptor(target, name);
      if (found === undefined || !counts(name)) return found;
      reads.askLocal(read, name, valueAt(target, name, reads));
      return found.configurable ? { ...found, ...shown(found, `${read}.${name}`, reads) } : found;
    },
    ownKeys(target) {
      const names = Reflect.ownKeys(target);
      if (reads.isRecording) reads.copies(names.filter(counts));
      return names;
    },
  });
  const undo = put(object, key, watched);
  // It cannot be watched, so take all of it as read.
  if (undo === undefined) lookedUpAll();
  return { lookedUp, lookedUpAll, undo: undo ?? (() => {}) };
}

/** Returns what a getter of middleware finds without recording what it reads: its result counts. */
function valueAt(locals: object, name: string, reads: RequestReads): unknown {
  return reads.silently(() => Reflect.get(locals, name) as unknown);
}

/** Returns what is shown in place of a value. */
function shown({ value }: PropertyDescriptor, read: string, reads: RequestReads): PropertyDescriptor {
  return value === undefined ? {} : { value: reads.given(read, value) };
}

/** Puts an object in the place of another, whatever kind of property holds that; undefined where nothing can be put. */
function put(object: object, key: string, value: object): (() => void) | undefined {
  const original = Object.getOwnPropertyDescriptor(object, key);
  const isPut = Reflect.defineProperty(object, key, {
    configurable: true,
    enumerable: original?.enumerable ?? true,
    writable: true,
    value,
  });
  if (!isPut) return undefined;
  return () => {
    if (Object.getOwnPropertyDescriptor(object, key)?.value !== value) return;
    if (original === undefined) Reflect.deleteProperty(object, key);
    else Object.defineProperty(object, key, original);
  };
}
