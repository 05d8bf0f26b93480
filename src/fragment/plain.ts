/** Lists and objects that are nobody's instances, whatever realm (`vm`, a worker, a test runner) they come from. */
export function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
