import { isOfEngine } from './built-in.ts';

/** What an object may keep where nobody can look: private fields of its class, slots of the engine's own classes. */
const known = new WeakMap<object, boolean>();

/** Where a class reads a private field. A text that has this and no such field is only rendered too often. */
const PRIVATE_NAME = /(?:\.\s*#[\p{ID_Start}$_\\])|(?:#[\p{ID_Start}$_\\][\p{ID_Continue}$\\]*\s+in\b)/u;
const NATIVE = /\{\s*\[native code\]\s*\}\s*$/;

/**
 * Whether instances of a class may have state that is not in their properties, nor what makes a list, map or date.
 *
 * @param prototype of the instance; plain objects' have none
 */
export function hasHiddenState(prototype: object): boolean {
  const answer = known.get(prototype);
  if (answer !== undefined) return answer;
  const found = isHiding(prototype);
  known.set(prototype, found);
  return found;
}

function isHiding(prototype: object): boolean {
  const above: object | null = Object.getPrototypeOf(prototype);
  // Object.prototype, of whatever realm; what dates and maps keep is compared.
  if (above === null || isOfEngine(prototype)) return false;
  const made: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  if (typeof made === 'function') {
    const text = Function.prototype.toString.call(made);
    if (NATIVE.test(text) || PRIVATE_NAME.test(text)) return true;
  }
  return hasHiddenState(above);
}
