/**
 * Stands for an attribute whose value is unknown. Some writes name no row (`UPDATE … WHERE`) or only some of its
 * attributes. `touches` still runs, on a row whose other attributes are this proxy, so that it at least tells which
 * types are touched.
 */
const unknown: object = new Proxy(function unknown() {}, {
  get: (_target, name) => (typeof name === 'symbol' || name === 'then' ? undefined : unknown),
  apply: () => unknown,
});

const rows = new WeakSet<object>();

/** Wraps `known` so that every other attribute reads as unknown. */
export function partialRow(known: object): object {
  const row = new Proxy(known, {
    get: (target, name, receiver) =>
      typeof name === 'symbol' || name in target ? Reflect.get(target, name, receiver) : unknown,
  });
  rows.add(row);
  return row;
}

export function isPartialRow(row: unknown): boolean {
  return typeof row === 'object' && row !== null && rows.has(row);
}

export function isUnknown(value: unknown): boolean {
  return value === unknown;
}
