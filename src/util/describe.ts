import { isPlain } from './plain.ts';

/** Describes a value in a few words, for "…, got X" at the end of an error message. Never throws. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  switch (typeof value) {
    case 'string':
      return value.length > 40
        ? `the string ${JSON.stringify(value.slice(0, 40))}…`
        : `the string ${JSON.stringify(value)}`;
    case 'number':
    case 'bigint':
    case 'boolean':
      return `the ${typeof value} ${value}`;
    case 'symbol':
      return 'a symbol';
    case 'function':
      return typeof value.name === 'string' && value.name !== ''
        ? `the function ${value.name}`
        : 'a function without a name';
    default:
      return describeObject(value);
  }
}

function describeObject(value: object): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof (value as PromiseLike<unknown>).then === 'function') return 'a promise (await it first)';
  const name = className(value);
  if (name !== undefined) return `an instance of ${name || 'a class without a name'}`;
  const keys = Object.keys(value);
  if (keys.length === 0) return 'an empty object';
  return `a plain object with ${keys.slice(0, 5).join(', ')}${keys.length > 5 ? ', …' : ''}`;
}

/** Returns the name of a value's class; undefined for plain objects. */
function className(value: object): string | undefined {
  if (isPlain(value)) return undefined;
  const made: unknown = Object.getPrototypeOf(value).constructor;
  return typeof made === 'function' ? String(made.name) : '';
}
