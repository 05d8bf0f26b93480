import { digest } from '../../util/digest.ts';

const known = new WeakMap<object, string>();

/** Returns a text that stands for the code of a route's handlers. It is the same in all processes. */
export function codeOf(handlers: readonly unknown[]): string {
  return handlers.map((handler) => (typeof handler === 'function' ? codeOfOne(handler) : '')).join();
}

function codeOfOne(handler: object): string {
  let code = known.get(handler);
  if (code === undefined) {
    code = digest(Function.prototype.toString.call(handler), 16);
    known.set(handler, code);
  }
  return code;
}
