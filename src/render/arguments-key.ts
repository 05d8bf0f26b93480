import { types } from 'node:util';
import { isPlain } from '../util/plain.ts';

/** Plain data nested deeper than this, or of more objects, stand for themselves like instances. */
const MAX_DEPTH = 100;
const MAX_OBJECTS = 10_000;

/**
 * Returns text that identifies the arguments of a lazy within one render. What a template or filter makes anew in each
 * pass is written by its value: text, html, dates, lists and plain objects, with all of their own properties. Everything
 * else is a number that stands for the object itself.
 */
export function argumentsKey(args: readonly unknown[], numberOf: (value: object | symbol) => number): string {
  const seen = new Map<object, number>();
  const write = (value: unknown, depth = 0): string => {
    if (typeof value === 'string') return JSON.stringify(value);
    if (typeof value === 'bigint') return `${value}n`;
    if (typeof value === 'symbol' || typeof value === 'function') return `#${numberOf(value)}`;
    if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : String(value);
    const before = seen.get(value);
    if (before !== undefined) return `@${before}`;
    if (depth > MAX_DEPTH || seen.size >= MAX_OBJECTS) return `#${numberOf(value)}`;
    seen.set(value, seen.size);
    const kind = kindOf(value, numberOf);
    const properties = kind === undefined ? undefined : propertiesOf(value);
    if (properties === undefined) return `#${numberOf(value)}`;
    const own = properties.map(([key, mark, item]) => `${mark}${write(key)}:${write(item, depth + 1)}`);
    return `${Object.isExtensible(value) ? '' : '!'}${kind}{${own.join()}}`;
  };
  return args.map((argument) => write(argument)).join();
}

/** Returns the kind of an object that is written by its value, with what it has beside its properties. */
function kindOf(value: object, numberOf: (value: object) => number): string | undefined {
  // Only the proxy can tell what it holds.
  if (types.isProxy(value)) return undefined;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Date.prototype && types.isDate(value)) return `Date(${value.getTime()})`;
  // Html that Nunjucks marked as safe is no string of the engine's. Its class tells it from text.
  if (value instanceof String && (prototype === String.prototype || !types.isStringObject(value)))
    return `${numberOf(prototype as object)}${JSON.stringify(String(value))}`;
  if (!isPlain(value)) return undefined;
  return Array.isArray(value) ? '[]' : prototype === null ? '-' : '';
}

/** Returns all own properties with a mark for hidden ones; undefined if one is a getter. */
function propertiesOf(value: object): readonly (readonly [string | symbol, string, unknown])[] | undefined {
  const properties: (readonly [string | symbol, string, unknown])[] = [];
  for (const key of Reflect.ownKeys(value)) {
    const property = Reflect.getOwnPropertyDescriptor(value, key);
    if (property === undefined || !('value' in property)) return undefined;
    properties.push([key, property.enumerable ? '' : '~', property.value]);
  }
  return properties;
}
