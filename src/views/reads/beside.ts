import { types } from 'node:util';
import { isPlain } from '../../util/plain.ts';

const { isProxy } = types;

/** Built-in classes whose instances are written by their content. */
const BUILT_IN: readonly { readonly prototype: object }[] = [Map, Set, URL, RegExp, String, Buffer, Uint8Array];
/** Own properties that they have by nature. */
const BY_NATURE: ReadonlySet<string | symbol> = new Set(['length', 'lastIndex']);

/**
 * Tells what a value that middleware left holds beside its data: properties that are hidden, or symbols, of data, and any
 * of built-in objects. Somebody may have written there for whom the value is.
 */
export function beside(value: object): readonly unknown[] | 'unknown' | undefined {
  // What a proxy answers is not what it holds.
  if (isProxy(value)) return 'unknown';
  if (Array.isArray(value)) {
    const names = Reflect.ownKeys(value);
    return names.length === value.length + 1
      ? undefined
      : pairs(
          value,
          names.filter((name) => !isIndex(name)),
        );
  }
  if (isPlain(value)) {
    const names = Reflect.ownKeys(value);
    if (names.length === Object.keys(value).length) return undefined;
    return pairs(
      value,
      names.filter((name) => !Object.prototype.propertyIsEnumerable.call(value, name) || typeof name === 'symbol'),
    );
  }
  const kind = BUILT_IN.find(({ prototype }) => prototype.isPrototypeOf(value));
  if (kind === String) return undefined;
  // An instance of another class, which stands for a primitive.
  if (kind === undefined) return pairs(value, Reflect.ownKeys(value));
  if (Object.getPrototypeOf(value) !== kind.prototype) return 'unknown';
  // The bytes are written already.
  return value instanceof Uint8Array ? undefined : pairs(value, Reflect.ownKeys(value));
}

function isIndex(name: string | symbol): boolean {
  return typeof name === 'string' && /^\d+$/.test(name);
}

function pairs(value: object, names: readonly (string | symbol)[]): readonly unknown[] | undefined {
  const found = names
    .filter((name) => !BY_NATURE.has(name))
    .map((name) => [String(name), (value as Readonly<Record<string | symbol, unknown>>)[name]]);
  return found.length === 0 ? undefined : found;
}
