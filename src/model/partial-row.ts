/**
 * Some writes name no row (`UPDATE … WHERE`), and some tell only a part of one. `touches` is asked all the same, with a row
 * whose other attributes are unknown: what it answers tells at least which types are touched.
 */
const unknown: object = new Proxy(function unknown() {}, {
  get: (_target, name) => (typeof name === 'symbol' || name === 'then' ? undefined : unknown),
  apply: () => unknown,
});

const rows = new WeakSet<object>();

/** A row of which only the properties of `known` are known. */
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
