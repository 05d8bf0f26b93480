const methods = new WeakSet<object>();

/**
 * Tells that a method gives a text which only names the class, as an ORM's `toString` for all of its rows. What an
 * instance holds then does not count where it is printed.
 */
export function namesOnlyItsClass(method: object): void {
  methods.add(method);
}

export function isNameOfClass(method: unknown): boolean {
  return typeof method === 'function' && methods.has(method);
}
