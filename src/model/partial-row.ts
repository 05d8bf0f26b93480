/**
 * Stands for an attribute whose value is unknown. Some writes name no row (`UPDATE … WHERE`) or only some of its
 * attributes, and some rows were loaded in part. `touches` still runs, on a row whose other attributes are this proxy,
 * so that it at least tells which types are touched.
 */
const unknown: object = new Proxy(function unknown() {}, {
  get: (_target, name) => (typeof name === 'symbol' || name === 'then' ? undefined : unknown),
  apply: () => unknown,
});

const rows = new WeakSet<object>();
let asked = 0;

/** Wraps `known` so that every other attribute reads as unknown. */
export function partialRow(known: object): object {
  const row: object = new Proxy(known, {
    get: (target, name, receiver) =>
      typeof name === 'symbol' || name in target ? Reflect.get(target, name, receiver) : unknownValue(),
  });
  return markPartial(row);
}

/** Marks a row whose unknown attributes are getters that give {@link unknownValue}. */
export function markPartial<T extends object>(row: T): T {
  rows.add(row);
  return row;
}

/** Returns the value of an unknown attribute, and notes that somebody has read one. */
export function unknownValue(): object | undefined {
  noteAsked();
  return isAbsent ? undefined : unknown;
}

let isAbsent = false;

/** Runs a function for which unknown attributes are absent: where it decides by one, it goes the other way. */
export function asIfAbsent<T>(run: () => T): T {
  isAbsent = true;
  try {
    return run();
  } finally {
    isAbsent = false;
  }
}

/** Notes that somebody has read something of a row that was not loaded. */
export function noteAsked(): void {
  asked++;
}

/** How often something unknown was read. If it grows while a function runs, what comes out of that may be wrong. */
export function timesAsked(): number {
  return asked;
}

export function isPartialRow(row: unknown): boolean {
  return typeof row === 'object' && row !== null && rows.has(row);
}

export function isUnknown(value: unknown): boolean {
  return value === unknown;
}
