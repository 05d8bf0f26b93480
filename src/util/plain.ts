/** Whether a value is a list or an object of no class, from any realm (`vm`, a worker, a test runner). */
export function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return true;
  const above = Object.getPrototypeOf(prototype);
  return above === null || (Array.isArray(value) && Object.getPrototypeOf(above) === null);
}
