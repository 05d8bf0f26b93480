/** Lists and objects that are nobody's instances, whatever realm (`vm`, a worker, a test runner) they come from. */
export function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return true;
  const above = Object.getPrototypeOf(prototype);
  return above === null || (Array.isArray(value) && Object.getPrototypeOf(above) === null);
}
