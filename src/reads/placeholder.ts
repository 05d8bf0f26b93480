const placeholders = new WeakSet<object>();

/** Lookups one behind the other that a placeholder answers. */
const MAX_DEPTH = 30;

/**
 * What stands for a value that is still being loaded: it can be printed (as nothing), looped over (no items), looked
 * into (everything in it is a placeholder too) and compared. What is made of it is thrown away with the pass.
 */
export function makePlaceholder(depth = MAX_DEPTH): object {
  const placeholder: object = new Proxy(Object.create(null), {
    get: (_target, property) =>
      answers.get(property) ?? (typeof property === 'symbol' ? undefined : fixed(property, depth)),
    has: () => true,
    ownKeys: () => [],
    getPrototypeOf: () => Object.prototype,
  });
  placeholders.add(placeholder);
  return placeholder;
}

export function isPlaceholder(value: unknown): boolean {
  return typeof value === 'object' && value !== null && placeholders.has(value);
}

const nothing = () => '';
const answers = new Map<string | symbol, unknown>([
  [Symbol.iterator, () => [][Symbol.iterator]()],
  [Symbol.toPrimitive, nothing],
  [Symbol.toStringTag, 'Object'],
  ['toString', nothing],
  ['valueOf', nothing],
  ['toJSON', () => null],
  ['hasOwnProperty', () => false],
]);

function fixed(property: string, depth: number): unknown {
  if (property === 'length' || property === 'size') return 0;
  // Not a promise: nobody shall wait for it. And whoever walks up a chain comes to its end.
  return property === 'then' || depth === 0 ? undefined : makePlaceholder(depth - 1);
}
