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
const asked = new WeakSet<object>();

/** Wraps `known` so that every other attribute reads as unknown. */
export function partialRow(known: object): object {
  const row: object = new Proxy(known, {
    get: (target, name, receiver) => {
      if (typeof name !== 'symbol' && !(name in target)) return unknownOf(row);
      const value: unknown = Reflect.get(target, name, receiver);
      // The row in it may be a partial one as well.
      if (asked.has(target)) asked.add(row);
      return value;
    },
  });
  return markPartial(row);
}

/** Marks a row whose unknown attributes are getters that give {@link unknownOf} it. */
export function markPartial<T extends object>(row: T): T {
  rows.add(row);
  return row;
}

/** Returns the value of an unknown attribute, and remembers that somebody has read one of this row. */
export function unknownOf(row: object): object {
  asked.add(row);
  return unknown;
}

/** Remembers that somebody has read something of the row that was not loaded. */
export function noteAsked(row: object): void {
  asked.add(row);
}

export function isPartialRow(row: unknown): boolean {
  return typeof row === 'object' && row !== null && rows.has(row);
}

/** Whether an unknown attribute of the row was read, so that what came out of it may be wrong. */
export function wasAsked(row: unknown): boolean {
  return typeof row === 'object' && row !== null && asked.has(row);
}

export function isUnknown(value: unknown): boolean {
  return value === unknown;
}
