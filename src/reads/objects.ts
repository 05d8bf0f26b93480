import { types } from 'node:util';
import { METHOD, peek } from './peek.ts';

/** An object or a function. */
export function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

const BASE = Object.prototype;
const LIST = Array.prototype;

/** Whether printing or adding it runs a method of its own. */
export function hasOwnText(value: object): boolean {
  // What a proxy prints, only the proxy can tell.
  if (types.isProxy(value)) return TEXTS.some((name) => isOwnText(Reflect.get(value, name), name));
  if (typeof value === 'function') return TEXTS.some((name) => Object.hasOwn(value, name));
  if (Array.isArray(value)) {
    if (Object.getPrototypeOf(value) === Array.prototype && Reflect.ownKeys(value).at(-1) === 'length') return false;
    return Reflect.get(value, 'toString') !== LIST.toString || Reflect.get(value, 'join') !== LIST.join;
  }
  const prototype: object | null = Object.getPrototypeOf(value);
  if (prototype === BASE && !Object.hasOwn(value, 'toString') && !Object.hasOwn(value, 'valueOf')) {
    return Object.hasOwn(value, Symbol.toPrimitive) || Object.hasOwn(value, Symbol.toStringTag);
  }
  if (prototype === null) return TEXTS.some((name) => Object.hasOwn(value, name));
  return TEXTS.some((name) => {
    const found: unknown = peek(value, name);
    return found !== undefined && (found !== METHOD || Reflect.get(value, name) !== Reflect.get(BASE, name));
  });
}

/** A function or a text of its own, where every object has another. */
function isOwnText(found: unknown, name: string | symbol): boolean {
  return found !== undefined && found !== Reflect.get(BASE, name);
}

const TEXTS: readonly (string | symbol)[] = [Symbol.toPrimitive, Symbol.toStringTag, 'toString', 'valueOf'];

/** What is directly in an object. */
export function* elementsOf(value: object): Iterable<unknown> {
  if (Array.isArray(value) || value instanceof Set) yield* value;
  else if (value instanceof Map) for (const pair of value) yield* pair;
  else for (const key of Reflect.ownKeys(value)) yield peek(value, key);
}
