import { CacheSweeperError } from '../errors.ts';
import { describe } from './describe.ts';
import { idText, isBsonValue } from './id-text.ts';
import { isPlain } from './plain.ts';

/** Returns the text of a class instance that is not plain data (for a model, its name); undefined if it has none. */
export type InstanceText = (instance: object) => string | undefined;

/**
 * Returns what a value holds beside the data that is written for it, as a list; undefined if there is nothing, 'unknown'
 * if that cannot be told.
 */
export type Beside = (value: object) => readonly unknown[] | 'unknown' | undefined;

const noInstances: InstanceText = () => undefined;

/**
 * Writes a list of values as text, so that two different lists never have the same text. Strings are quoted as in JSON,
 * and other values are not. Properties of objects are sorted; maps and sets keep their order, because it shows when
 * they are printed.
 *
 * @param what name of the values in error messages: "key 2" for `what = "key"`
 * @param beside tells what else counts; by default nothing
 * @throws CacheSweeperError CACHESWEEPER_BAD_KEY for values without such a text: functions, symbols, circular values,
 * instances of unknown classes
 *
 * @example canonicalList(['a', 1, { b: 2 }], 'key') // '["a",1,{"b":2}]'
 */
export function canonicalList(
  values: readonly unknown[],
  what: string,
  instanceText: InstanceText = noInstances,
  beside: Beside = () => undefined,
): string {
  let text = '[';
  for (let i = 0; i < values.length; i++) {
    if (i > 0) text += ',';
    text +=
      writePrimitive(values[i]) ?? write(values[i], { label: `${what} ${i + 1}`, instanceText, beside, path: [] });
  }
  return `${text}]`;
}

const MAX_DEPTH = 100;

interface Writing {
  readonly label: string;
  readonly instanceText: InstanceText;
  readonly beside: Beside;
  /** Objects being written, outermost first. Meeting one of them again means that the value is circular. */
  readonly path: object[];
}

/** Returns undefined for symbols, functions and objects. */
function writePrimitive(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value);
    case 'bigint':
      return `${value}n`;
    case 'boolean':
    case 'undefined':
      return String(value);
    default:
      return value === null ? 'null' : undefined;
  }
}

function write(value: unknown, writing: Writing): string {
  const text = writePrimitive(value);
  if (text !== undefined) return text;
  return typeof value === 'object' && value !== null ? writeObject(value, writing) : refuse(value, writing);
}

function writeObject(value: object, writing: Writing): string {
  if (writing.path.includes(value) || writing.path.length === MAX_DEPTH) {
    const fault = writing.path.includes(value) ? 'a circular value' : `data nested deeper than ${MAX_DEPTH} levels`;
    throw new CacheSweeperError(
      'CACHESWEEPER_BAD_KEY',
      `${writing.label} cannot be part of a key: expected plain data, got ${fault}; pass the attribute you mean`,
    );
  }
  writing.path.push(value);
  const text =
    whole(value, writeData(value, writing), writing) ??
    writing.instanceText(value) ??
    whole(value, writeValue(value), writing) ??
    refuse(value, writing);
  writing.path.pop();
  return text;
}

/** Adds to the text of a value what it holds beside; undefined if that cannot be told. */
function whole(value: object, text: string | undefined, writing: Writing): string | undefined {
  const more = text === undefined ? undefined : writing.beside(value);
  if (more === 'unknown') return undefined;
  return more === undefined ? text : `${text}&${write(more, writing)}`;
}

/** Writes plain data and built-in values whose whole state is known; returns undefined for any other instance. */
function writeData(value: object, writing: Writing): string | undefined {
  const inner = (item: unknown) => write(item, writing);
  if (Array.isArray(value)) return `[${Array.from(value, inner).join(',')}]`;
  if (isPlain(value)) {
    const record = value as Record<string, unknown>;
    const pairs = Object.keys(record)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${inner(record[key])}`);
    return `{${pairs.join(',')}}`;
  }
  // A subclass may print the same instant for another zone.
  if (value instanceof Date && value.constructor?.name === 'Date') return `Date(${value.getTime()})`;
  if (value instanceof Map)
    return `Map(${Array.from(value, ([key, item]) => `${inner(key)}:${inner(item)}`).join(',')})`;
  if (value instanceof Set) return `Set(${Array.from(value, inner).join(',')})`;
  if (value instanceof URL) return `URL(${JSON.stringify(value.href)})`;
  if (value instanceof RegExp) return `RegExp(${JSON.stringify(String(value))})`;
  if (value instanceof Uint8Array)
    return `${Buffer.isBuffer(value) ? 'Buffer' : 'Bytes'}(${Buffer.from(value).toString('base64url')})`;
  // Nunjucks' SafeString, returned by macros and `safe`. It prints unescaped, so it differs from an equal plain string.
  if (value instanceof String) return `Safe(${JSON.stringify(String(value))})`;
  return undefined;
}

/**
 * Writes an instance that stands for a value: an ObjectId, or one whose `valueOf()` gives a primitive, as dates and
 * decimals of libraries have it. Two dates of one instant may print differently, so its text counts as well.
 */
function writeValue(value: object): string | undefined {
  try {
    if (isBsonValue(value)) {
      const text = idText(value);
      if (text !== undefined) return `new ${(value as { _bsontype?: unknown })._bsontype}(${JSON.stringify(text)})`;
    }
    const primitive = writePrimitive(value.valueOf());
    // `new` tells a class called `Set` from the built-in one.
    return primitive && `new ${classNameOf(value)}(${primitive},${JSON.stringify(String(value))})`;
  } catch {
    return undefined;
  }
}

/** Returns a name that contains nothing that stands between values. */
function classNameOf(value: object): string {
  const name = String(Object.getPrototypeOf(value).constructor?.name);
  return /^[\w$]*$/.test(name) ? name : JSON.stringify(name);
}

function refuse(value: unknown, writing: Writing): never {
  throw new CacheSweeperError(
    'CACHESWEEPER_BAD_KEY',
    `${writing.label} cannot be part of a key: expected a string, number, boolean, date, list, plain object or a model ` +
      `with an identity, got ${describe(value)}; pass the attribute you mean`,
  );
}
