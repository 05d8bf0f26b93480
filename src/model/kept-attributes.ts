/** Returned where an instance does not keep an attribute as it is. */
export const NOT_KEPT: unique symbol = Symbol('not kept');

/**
 * Reads an attribute where an instance keeps it, without calling the getter of its class. Returns {@link NOT_KEPT} where
 * the getter computes something, or the site has replaced it.
 */
export type AttributeReader = (instance: object, name: string, getter: unknown) => unknown;

const readers = new WeakMap<object, AttributeReader>();

/**
 * Tells where the instances of a class keep what its getters give. Without that, all that an instance holds is compared
 * wherever a getter is read, which takes longer than rendering most bodies.
 *
 * @param prototype that the getters are defined on
 */
export function keepsAttributes(prototype: object, reader: AttributeReader): void {
  readers.set(prototype, reader);
}

/** Returns the attribute that a getter of this prototype gives; {@link NOT_KEPT} where that is not known. */
export function keptAttribute(prototype: object, instance: object, name: string | symbol, getter: unknown): unknown {
  const reader = typeof name === 'string' ? readers.get(prototype) : undefined;
  return reader === undefined ? NOT_KEPT : reader(instance, name as string, getter);
}
