/** Returns the source of a function. */
export function sourceOf(called: object): string {
  return Function.prototype.toString.call(called);
}
