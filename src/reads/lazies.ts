const lazies = new WeakSet<object>();

export function markLazy(lazy: object): void {
  lazies.add(lazy);
}

/** Whether a value is a lazy, as opposed to its result. */
export function isLazy(value: unknown): boolean {
  return typeof value === 'function' && lazies.has(value);
}
