const lazies = new WeakSet<object>();

/** Remembers that a function is a lazy. */
export function markLazy(lazy: object): void {
  lazies.add(lazy);
}

/** Whether a value is a lazy that nobody called. */
export function isLazy(value: unknown): boolean {
  return typeof value === 'function' && lazies.has(value);
}
