import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Collector } from '../../src/reads/sinks.ts';
import { walkWhole } from '../../src/reads/walk.ts';
import type { Scope, World } from '../../src/reads/world.ts';
import { sized } from '../support/long.ts';

const RUNS = sized(6_000, 300_000, 15_000);

class Instance {
  readonly x: unknown;
  constructor(x: unknown) {
    this.x = x;
  }
}
class List extends Array<unknown> {}
class Pairs extends Map<unknown, unknown> {}

const symbols = [Symbol('a'), Symbol('a'), Symbol.for('a'), Symbol.iterator];
const functions = [() => 1, () => 1];
const numbers = new Map<unknown, number>();

/** Every function, class and symbol is trusted: only data is compared. */
function numberOf(code: unknown): string {
  if (!numbers.has(code)) numbers.set(code, numbers.size);
  return String(numbers.get(code));
}

const world: World = {
  generation: 0,
  identity: () => undefined,
  rowIdentity: () => undefined,
  uncomparedIdentity: () => undefined,
  functionText: numberOf,
  codeText: numberOf,
  boundTo: () => undefined,
  isMarkedSafe: () => false,
  macro: () => undefined,
  version: () => '',
} as never;

/** What a program can see of a value, and which object in it is which. */
function seen(value: unknown, known = new Map<object, number>()): string {
  if (typeof value === 'symbol') return `symbol ${symbols.indexOf(value)}`;
  if (typeof value === 'function') return `function ${functions.indexOf(value as never)}`;
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'object' || value === null)
    return Object.is(value, -0) ? '-0' : `${typeof value} ${String(value)}`;
  const number = known.get(value);
  if (number !== undefined) return `#${number}`;
  known.set(value, known.size);
  const prototype: unknown = Object.getPrototypeOf(value);
  let text = prototype === null ? 'null' : (prototype as object).constructor.name;
  if (!Object.isExtensible(value)) text += '!';
  if (value instanceof Date) text += Date.prototype.getTime.call(value);
  if (value instanceof RegExp) text += value.source;
  if (value instanceof Number) text += Number.prototype.valueOf.call(value);
  if (value instanceof String) text += JSON.stringify(String.prototype.valueOf.call(value));
  if (value instanceof Map)
    for (const [key, item] of Map.prototype.entries.call(value)) text += `<${seen(key, known)}=>${seen(item, known)}>`;
  if (value instanceof Set) for (const item of Set.prototype.values.call(value)) text += `<${seen(item, known)}>`;
  for (const key of Reflect.ownKeys(value)) {
    const property = Object.getOwnPropertyDescriptor(value, key) as PropertyDescriptor;
    text += `(${typeof key === 'symbol' ? seen(key) : JSON.stringify(key)}${property.enumerable ? '' : '~'}`;
    text += `${seen(property.value, known)})`;
  }
  return `{${text}}`;
}

const leaf = fc.constantFrom<unknown>(
  ...[undefined, null, true, false, 0, -0, 1, '1', Number.NaN, 5n, '', 'a', 'k1:a', 'n', '\ud800', '}', '[0:]'],
  ...symbols,
  ...functions,
);
const key = fc.constantFrom<PropertyKey>('a', 'b', 'k1', 'toString', ...symbols);
const { value } = fc.letrec((tie) => {
  const value_ = tie('value');
  const list = fc.array(value_, { maxLength: 3 });
  const pairs = fc.array(fc.tuple(value_, value_), { maxLength: 2 });
  const properties = fc.array(fc.tuple(key, value_, fc.boolean()), { maxLength: 2 });
  const made = fc.oneof(
    fc.constant(() => ({})),
    fc.constant(() => Object.create(null)),
    list.map((items) => () => items.slice()),
    list.map((items) => () => List.from(items)),
    fc.constant(() => new Array(1)),
    list.map((items) => () => new Set(items)),
    pairs.map((items) => () => new Map(items)),
    pairs.map((items) => () => new Pairs(items)),
    value_.map((x) => () => new Instance(x)),
    fc.constantFrom(0, 1).map((time) => () => new Date(time)),
    fc.constantFrom('a', 'b').map((source) => () => new RegExp(source, 'g')),
    fc.constantFrom('a', '1').map((text) => () => Object(text)),
    fc.constantFrom(0, 1).map((number) => () => Object(number)),
    fc.constantFrom('a', 'b').map((text) => () => Buffer.from(text)),
    fc.constantFrom('a', 'b').map((text) => () => new Uint8Array(Buffer.from(text))),
  );
  const object = fc.tuple(made, properties, fc.boolean()).map(([make, extras, isExtensible]) => {
    const one: object = make();
    for (const [name, of, enumerable] of extras) {
      if (!ArrayBuffer.isView(one)) Reflect.defineProperty(one, name, { value: of, enumerable, configurable: true });
    }
    return isExtensible || ArrayBuffer.isView(one) ? one : Object.preventExtensions(one);
  });
  const twice = object.map((one) => [one, one]);
  return { value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, leaf, object, object, twice) };
});

test('no two values that a program can tell apart have one text', () => {
  const known = new Map<string, string>();
  const compared = fc.property(value, (one) => {
    if (typeof one !== 'object' || one === null) return;
    const collector = new Collector();
    walkWhole(one, { world, models: [] } as unknown as Scope, collector);
    if (collector.unseenValue !== undefined || collector.isTooMuch) return;
    const told = seen(one);
    expect(known.get(collector.text) ?? told).toBe(told);
    known.set(collector.text, told);
  });
  fc.assert(compared, { numRuns: RUNS });
  expect(known.size).toBeGreaterThan(RUNS / 10);
}, 600_000);
