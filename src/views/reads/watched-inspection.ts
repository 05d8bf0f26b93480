import { inspect } from 'node:util';

/**
 * Tells when `util.inspect` shows an object, until the function that it returns is called. It looks through proxies and
 * past getters, and asks nobody but a method of this name. An object that takes no such method counts as shown.
 */
export function watchInspection(object: object, shown: () => void): () => void {
  if (inspect.custom in object) return () => {};
  if (!Object.isExtensible(object)) {
    shown();
    return () => {};
  }
  const custom = function (this: object, depth: number | null): object {
    // Node's warning of too many listeners names the object and shows nothing of it.
    if (depth === null || depth >= 0) shown();
    return this;
  };
  Object.defineProperty(object, inspect.custom, { configurable: true, value: custom });
  return () => {
    if (Object.getOwnPropertyDescriptor(object, inspect.custom)?.value === custom)
      Reflect.deleteProperty(object, inspect.custom);
  };
}
