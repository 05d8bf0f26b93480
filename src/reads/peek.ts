import { types } from 'node:util';
import { keptAttribute, NOT_KEPT } from '../model/kept-attributes.ts';
import { isPlain } from '../util/plain.ts';

/** Returned by {@link peek} for a getter of the object itself, or of its class. Calling one runs code of the page. */
export const OWN_ACCESSOR: unique symbol = Symbol('own accessor');
export const INHERITED_ACCESSOR: unique symbol = Symbol('inherited accessor');
/** Returned by {@link peek} for a method of a class. */
export const METHOD: unique symbol = Symbol('method');

/** Reads a property as `object[key]` would, but calls no getter. A proxy's trap is called, and may throw. */
export function peek(object: object, key: string | symbol): unknown {
  return types.isProxy(object) ? Reflect.get(object, key) : peekOrdinary(object, key);
}

/** The same; undefined where a proxy's trap throws. */
export function peekOrNothing(object: object, key: string | symbol): unknown {
  try {
    return peek(object, key);
  } catch {
    return undefined;
  }
}

/** As {@link peek}, for an object that is itself no proxy, where many of its properties are read. */
export function peekOrdinary(object: object, key: string | symbol): unknown {
  const own = Reflect.getOwnPropertyDescriptor(object, key);
  if (own !== undefined) return 'value' in own ? own.value : OWN_ACCESSOR;
  for (let at = Reflect.getPrototypeOf(object); at !== null; at = Reflect.getPrototypeOf(at)) {
    // What a proxy says that it holds may differ from what it gives.
    if (types.isProxy(at)) return Reflect.get(at, key, object);
    const inherited = Reflect.getOwnPropertyDescriptor(at, key);
    if (inherited === undefined) continue;
    if (!('value' in inherited)) {
      const kept = keptAttribute(at, object, key, inherited.get);
      return kept === NOT_KEPT ? INHERITED_ACCESSOR : kept;
    }
    return typeof inherited.value === 'function' && isOfClass(at) ? METHOD : inherited.value;
  }
  return undefined;
}

/** Whether a property is read by a getter of the object's class, also where the attribute behind it is known. */
export function hasClassGetter(object: object, key: string): boolean {
  if (Object.hasOwn(object, key) || isPlain(object)) return false;
  for (let at = Reflect.getPrototypeOf(object); at !== null; at = Reflect.getPrototypeOf(at)) {
    const inherited = Reflect.getOwnPropertyDescriptor(at, key);
    if (inherited !== undefined) return !('value' in inherited);
  }
  return false;
}

/** Whether an object is the prototype of a class, rather than an ordinary object from which others inherit. */
export function isOfClass(prototype: object): boolean {
  const made: unknown = Reflect.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  return typeof made === 'function' && made.prototype === prototype;
}
