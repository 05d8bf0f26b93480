import { METHOD, peek } from './peek.ts';

/** An object or a function. */
export function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

const BASE = Object.prototype;

/** Whether printing or adding it runs a method of its own. */
export function hasOwnText(value: object): boolean {
  if (typeof value === 'function') return false;
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

const TEXTS: readonly (string | symbol)[] = [Symbol.toPrimitive, Symbol.toStringTag, 'toString', 'valueOf'];

/** What is directly in an object. */
export function* elementsOf(value: object): Iterable<unknown> {
  if (Array.isArray(value) || value instanceof Set) yield* value;
  else if (value instanceof Map) for (const pair of value) yield* pair;
  else for (const key of Reflect.ownKeys(value)) yield peek(value, key);
}
