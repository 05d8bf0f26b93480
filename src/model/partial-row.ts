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
/** The function that runs now: what it has read of what is unknown, and which of that is absent for it. */
let running: { readonly asked: Set<string>; readonly absent: ReadonlySet<string> } | undefined;

/** Wraps `known` so that every other attribute reads as unknown. */
export function partialRow(known: object): object {
  const row: object = new Proxy(known, {
    get: (target, name, receiver) =>
      typeof name === 'symbol' || name in target ? Reflect.get(target, name, receiver) : unknownValue(name),
  });
  return markPartial(row);
}

/** Marks a row whose unknown attributes are getters that give {@link unknownValue}. */
export function markPartial<T extends object>(row: T): T {
  rows.add(row);
  return row;
}

/** Returns the value of an unknown attribute, and notes that somebody has read it. */
export function unknownValue(name: string): object | undefined {
  noteAsked(name);
  return running?.absent.has(name) ? undefined : unknown;
}

/** Notes that somebody has read something that was not loaded. */
export function noteAsked(name: string): void {
  running?.asked.add(name);
}

/**
 * Runs a function that may read what is unknown.
 *
 * @param asked gets the names of all that it has read. If there are any, what comes out of it may be wrong.
 * @param absent names that are absent for it instead of unknown: where it decides by one, it goes the other way
 */
export function noteWhatAsks<T>(run: () => T, asked: Set<string>, absent: ReadonlySet<string> = new Set()): T {
  const before = running;
  running = { asked, absent };
  try {
    return run();
  } finally {
    running = before;
  }
}

export function isPartialRow(row: unknown): boolean {
  return typeof row === 'object' && row !== null && rows.has(row);
}

export function isUnknown(value: unknown): boolean {
  return value === unknown;
}
