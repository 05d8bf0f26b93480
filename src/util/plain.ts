/** Whether a value is a list or an object of no class, from any realm (`vm`, a worker, a test runner). */
export function isPlain(value: object): boolean {
  const prototype: object | null = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return true;
  const above: object | null = Object.getPrototypeOf(prototype);
  if (above === null) return isBase(prototype);
  return Array.isArray(value) && Array.isArray(prototype) && isBase(above);
}

/** Whether an object is the `Object.prototype` of a realm. Any other object without a prototype may hold data. */
function isBase(object: object): boolean {
  if (object === Object.prototype) return true;
  const made: unknown = Object.getOwnPropertyDescriptor(object, 'constructor')?.value;
  return typeof made === 'function' && made.prototype === object && Object.hasOwn(object, 'hasOwnProperty');
}
