const placeholders = new WeakSet<object>();

/** Lookups in a row that a placeholder answers. */
const MAX_DEPTH = 30;

/**
 * Makes the stand-in for a value that is still being loaded. It prints as nothing, loops over no items, and each
 * property is another placeholder, so that the pass can go on. The output of that pass is thrown away.
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
  // `then` must be undefined, or the placeholder would count as a promise. The depth ends loops such as
  // `while (node.parent)`.
  return property === 'then' || depth === 0 ? undefined : makePlaceholder(depth - 1);
}
