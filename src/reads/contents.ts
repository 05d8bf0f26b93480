import { isPlain } from '../util/plain.ts';
import { isData, ownExtras } from './built-in.ts';
import { isOfClass, peek } from './peek.ts';
import { isPlaceholder } from './placeholder.ts';
import type { World } from './world.ts';

/** Name of an ordinary object that another inherits from. */
const ABOVE = '^';

/**
 * Returns what an object holds, as pairs of a name and a value: all of its own data, that of an instance too, and the
 * ordinary object that it inherits from. Elements of a list, map or set have no name.
 */
export function contentsOf(value: object): readonly unknown[] {
  const contents: unknown[] = [];
  if (Array.isArray(value)) for (let i = 0; i < value.length; i++) contents.push(undefined, value[i]);
  else if (value instanceof Set) Set.prototype.forEach.call(value, (item) => contents.push(undefined, item));
  else if (value instanceof Map) {
    Map.prototype.forEach.call(value, (item, key) => contents.push(undefined, key, undefined, item));
  }
  // Of an array of numbers, the names are the indexes.
  if (!ArrayBuffer.isView(value)) for (const key of ownExtras(value)) contents.push(key, peek(value, key));
  const prototype: object | null = Reflect.getPrototypeOf(value);
  if (prototype === null || isPlain(value)) return contents;
  if (isOfClass(prototype)) noteStatics(prototype);
  else contents.push(ABOVE, prototype);
  return contents;
}

/**
 * Whether an object is looked into where one that holds it is read whole. Only what the class of an object that was
 * looked into keeps for itself is not, such as the client of its database, unless it is a model.
 */
export function isLookedInto(value: object, world: World): boolean {
  if (isPlaceholder(value) || typeof value === 'function') return false;
  return staticName(value) === undefined || world.uncomparedIdentity(value) !== undefined;
}

/** Returns the name under which a class that was met keeps an instance of another. */
export function staticName(value: object): string | undefined {
  return statics.get(value);
}

const noted = new WeakSet<object>();
const statics = new WeakMap<object, string>();

function noteStatics(prototype: object): void {
  if (noted.has(prototype)) return;
  noted.add(prototype);
  const above: object | null = Reflect.getPrototypeOf(prototype);
  if (above !== null) noteStatics(above);
  const made: unknown = Reflect.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  if (typeof made !== 'function' || made.prototype !== prototype) return;
  for (const key of Reflect.ownKeys(made)) {
    const value: unknown = Reflect.getOwnPropertyDescriptor(made, key)?.value;
    if (typeof value !== 'object' || value === null || key === 'prototype') continue;
    // An instance of the class itself is one of its values, as in an enumeration.
    const isOfAnother = !(isPlain(value) || isData(value) || value instanceof Map || value instanceof Set);
    if (isOfAnother && !(value instanceof made)) statics.set(value, String(key));
  }
}
