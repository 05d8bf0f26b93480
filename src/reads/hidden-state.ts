import { types } from 'node:util';
import { isOfEngine } from './built-in.ts';

/**
 * Caches, by prototype, whether instances may hold state that cannot be read: private fields, or slots of native
 * classes.
 */
const known = new WeakMap<object, boolean>();

/**
 * Matches code that reads a private field. Other text that looks so only makes a body render more often than needed.
 */
const PRIVATE_NAME = /(?:\.\s*#[\p{ID_Start}$_\\])|(?:#[\p{ID_Start}$_\\][\p{ID_Continue}$\\]*\s+in\b)/u;
const NATIVE = /\{\s*\[native code\]\s*\}\s*$/;

/**
 * Whether instances of a class may have state that neither their properties nor the content of a list, map or date
 * shows.
 *
 * @param prototype prototype of the instance; that of a plain object hides nothing
 */
export function hasHiddenState(prototype: object): boolean {
  const answer = known.get(prototype);
  if (answer !== undefined) return answer;
  const found = isHiding(prototype);
  known.set(prototype, found);
  return found;
}

function isHiding(prototype: object): boolean {
  // A proxy gives instances what it likes.
  if (types.isProxy(prototype)) return true;
  const above: object | null = Object.getPrototypeOf(prototype);
  // Object.prototype of any realm, or a built-in class whose content is compared.
  if (above === null || isOfEngine(prototype)) return false;
  const made: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  if (typeof made === 'function') {
    const text = Function.prototype.toString.call(made);
    if (NATIVE.test(text) || PRIVATE_NAME.test(text)) return true;
  }
  return hasHiddenState(above);
}
