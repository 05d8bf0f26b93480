import { types } from 'node:util';
import { isPlain } from '../util/plain.ts';
import { atom, textAtom } from './atom.ts';

/** The kind of object that a value is: what has no prototype is written `{-`, instances have their class's name. */
export function kindOf(value: object): string {
  const prototype: object | null = Reflect.getPrototypeOf(value);
  if (prototype === null) return '{-';
  if (isPlain(value)) return '{';
  const made: unknown = Reflect.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  return textAtom('{', typeof made === 'function' ? String(made.name) : '');
}

/** Values of the engine's own classes, whose whole state is known. */
export function builtInText(value: object): string | undefined {
  // A class that extends one of these may have methods of the same name.
  if (value instanceof Date) return `D${Date.prototype.getTime.call(value)},`;
  if (types.isStringObject(value)) return textAtom('z', String.prototype.valueOf.call(value));
  if (value instanceof RegExp) {
    const text = textAtom('r', RegExp.prototype.toString.call(value));
    return value.global || value.sticky ? `${text}@${value.lastIndex},` : text;
  }
  if (value instanceof URL) return textAtom('l', value.href);
  if (value instanceof URLSearchParams) return textAtom('q', String(value));
  if (types.isNumberObject(value)) return `w${atom(Number.prototype.valueOf.call(value))}`;
  if (types.isBooleanObject(value)) return `w${atom(Boolean.prototype.valueOf.call(value))}`;
  if (value instanceof Uint8Array) {
    return textAtom(Buffer.isBuffer(value) ? 'b' : 'v', Buffer.from(value).toString('latin1'));
  }
  return undefined;
}

/** Values that are compared whole, whatever was read of them. */
export function isData(value: object): boolean {
  return types.isPromise(value) || builtInText(value) !== undefined;
}

/** Bytes of which the names of their places are looked through for others. */
const MAX_BYTES = 65_536;

const BUILT_IN: ReadonlySet<object> = new Set(
  [Array, Map, Set, Date, RegExp, URL, URLSearchParams, String, Number, Boolean, Uint8Array, Buffer].map(
    ({ prototype }) => prototype,
  ),
);

/** Whether it is the prototype of a class of the engine whose state is compared. */
export function isOfEngine(prototype: object): boolean {
  return BUILT_IN.has(prototype);
}

/** Whether an object is of the engine's own class, and not of one that extends it. */
export function isBuiltInClass(value: object): boolean {
  return isOfEngine(Object.getPrototypeOf(value)) || isPlain(value);
}

/** The names of properties that a list, map or date has beside what makes it one. */
export function ownExtras(value: object): readonly (string | symbol)[] {
  if (value instanceof Uint8Array && value.length > MAX_BYTES) return [];
  const keys = Reflect.ownKeys(value);
  // What was added to a list stands behind its length.
  if (Array.isArray(value)) return keys.at(-1) === 'length' ? [] : keys.filter((key) => !isIndex(key));
  if (types.isStringObject(value)) return keys.filter((key) => !isIndex(key));
  // What Nunjucks marks as safe has its text in `val`.
  if (value instanceof String) return keys.filter((key) => key !== 'val' && key !== 'length');
  if (ArrayBuffer.isView(value)) return keys.filter((key) => !isIndex(key));
  return value instanceof RegExp ? keys.filter((key) => key !== 'lastIndex') : keys;
}

function isIndex(key: string | symbol): boolean {
  return typeof key === 'string' && (key === 'length' || /^\d+$/.test(key));
}
