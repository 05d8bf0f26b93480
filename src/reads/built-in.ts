import { types } from 'node:util';
import { isPlain } from '../util/plain.ts';
import { atom, textAtom } from './atom.ts';

/** Returns the kind of an object: `{` for a plain one, `{-` for one without a prototype, otherwise its class's name. */
export function kindOf(value: object): string {
  const prototype: object | null = Reflect.getPrototypeOf(value);
  if (prototype === null) return '{-';
  if (isPlain(value)) return '{';
  const made: unknown = Reflect.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  return textAtom('{', typeof made === 'function' ? String(made.name) : '');
}

/** Returns the text of a value of a built-in class whose whole state is known; undefined for others. */
export function builtInText(value: object): string | undefined {
  // Call the class's own method: a class that extends it may have another of the same name.
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

/** Whether a value is compared whole, whatever was read of it. */
export function isData(value: object): boolean {
  return types.isPromise(value) || builtInText(value) !== undefined;
}

/** A longer array of bytes is not searched for extra properties. */
const MAX_BYTES = 65_536;

const BUILT_IN: ReadonlySet<object> = new Set(
  [Array, Map, Set, Date, RegExp, URL, URLSearchParams, String, Number, Boolean, Uint8Array, Buffer].map(
    ({ prototype }) => prototype,
  ),
);

/** Whether this is the prototype of a built-in class whose state is compared. */
export function isOfEngine(prototype: object): boolean {
  return BUILT_IN.has(prototype);
}

/** Whether an object belongs to a built-in class itself, and not to one that extends it. */
export function isBuiltInClass(value: object): boolean {
  return isOfEngine(Object.getPrototypeOf(value)) || isPlain(value);
}

/** Returns the names of the extra properties of a list, map, date or other built-in value. */
export function ownExtras(value: object): readonly (string | symbol)[] {
  if (value instanceof Uint8Array && value.length > MAX_BYTES) return [];
  const keys = Reflect.ownKeys(value);
  // The indexes of a list come first, then its `length`, then what was added to it.
  if (Array.isArray(value)) return keys.at(-1) === 'length' ? [] : keys.slice(keys.lastIndexOf('length') + 1);
  // A text and an array of numbers have all their indexes, and these come first.
  if (types.isStringObject(value)) return keys.slice(lengthOf(value)).filter((key) => key !== 'length');
  // A string that Nunjucks marks as safe keeps its text in `val`.
  if (value instanceof String) return keys.filter((key) => key !== 'val' && key !== 'length');
  if (types.isTypedArray(value)) return keys.slice(LENGTH.call(value));
  return value instanceof RegExp ? keys.filter((key) => key !== 'lastIndex') : keys;
}

function lengthOf(text: object): number {
  return String.prototype.valueOf.call(text).length;
}

/** Returns the length of an array of numbers, whatever its class says. */
const LENGTH = Reflect.getOwnPropertyDescriptor(Reflect.getPrototypeOf(Uint8Array.prototype) as object, 'length')
  ?.get as () => number;
