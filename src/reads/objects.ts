import { types } from 'node:util';
import { isNameOfClass } from '../model/class-texts.ts';
import { METHOD, peek } from './peek.ts';

export function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

const BASE = Object.prototype;
const LIST = Array.prototype;

/** Whether printing an object or adding to it runs a method of its own. */
export function hasOwnText(value: object): boolean {
  // Only the proxy can tell what it prints.
  if (types.isProxy(value)) return TEXTS.some((name) => isOwnText(Reflect.get(value, name), name));
  if (typeof value === 'function') return TEXTS.some((name) => Object.hasOwn(value, name));
  if (Array.isArray(value)) {
    if (Object.getPrototypeOf(value) === Array.prototype && Reflect.ownKeys(value).at(-1) === 'length') return false;
    return Reflect.get(value, 'toString') !== LIST.toString || Reflect.get(value, 'join') !== LIST.join;
  }
  const prototype: object | null = Object.getPrototypeOf(value);
  if (prototype === BASE) return hasOwnTextIfPlain(value);
  if (prototype === null) return TEXTS.some((name) => Object.hasOwn(value, name));
  return TEXTS.some((name) => {
    const found: unknown = peek(value, name);
    if (found !== METHOD) return found !== undefined;
    const method: unknown = Reflect.get(value, name);
    return method !== Reflect.get(BASE, name) && !isNameOfClass(method);
  });
}

/**
 * The same for an object that inherits from `Object.prototype` only. Of a list, it takes a hundredth of comparing a row:
 * asking whether it has the names as its own takes a tenth.
 */
export function hasOwnTextIfPlain(value: object): boolean {
  return (
    value.toString !== BASE.toString ||
    value.valueOf !== BASE.valueOf ||
    (value as Partial<Text>)[Symbol.toPrimitive] !== undefined ||
    (value as Partial<Text>)[Symbol.toStringTag] !== undefined
  );
}

interface Text {
  readonly [Symbol.toPrimitive]: unknown;
  readonly [Symbol.toStringTag]: unknown;
}

/** Whether a proxy gave anything for a method of text but the one that every object inherits. */
function isOwnText(found: unknown, name: string | symbol): boolean {
  return found !== undefined && found !== Reflect.get(BASE, name);
}

const TEXTS: readonly (string | symbol)[] = [Symbol.toPrimitive, Symbol.toStringTag, 'toString', 'valueOf'];

/** Whether code of its class decides what `for` gets of an object. */
export function hasOwnIterator(value: object): boolean {
  return !(Array.isArray(value) || value instanceof Map || value instanceof Set) && Symbol.iterator in value;
}

/**
 * Iterates over the elements of a list or set, the keys and values of a map, or the property values of another object.
 */
export function* elementsOf(value: object): Iterable<unknown> {
  if (Array.isArray(value) || value instanceof Set) yield* value;
  else if (value instanceof Map) for (const pair of value) yield* pair;
  else for (const key of Reflect.ownKeys(value)) yield peek(value, key);
}
