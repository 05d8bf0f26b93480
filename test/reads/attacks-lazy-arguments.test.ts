import { lazy } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import { Article } from '../support/models.ts';
import { kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

const a = () => new Article(1);

/** Two arguments that look alike, and a function that tells them apart. */
interface Pair {
  readonly tell: (value: never) => unknown;
  readonly make: () => { readonly one: unknown; readonly other: unknown };
}

const zoned = (zone: string) => Object.assign(new Date(0), { zone });
const shared = { x: 1 };
const pairs: Record<string, Pair> = {
  'lists with other properties': {
    tell: (list: { readonly t: number }) => list.t,
    make: () => ({ one: Object.assign([1], { t: 1 }), other: Object.assign([1], { t: 2 }) }),
  },
  'a list with a hole': {
    tell: (list: readonly unknown[]) => 0 in list,
    make: () => ({ one: new Array(1), other: [undefined] }),
  },
  'symbols of one description': {
    tell: (symbol: symbol) => symbol === Symbol.for('x'),
    make: () => ({ one: Symbol('x'), other: Symbol.for('x') }),
  },
  'dates with other properties': {
    tell: (date: { readonly zone: string }) => date.zone,
    make: () => ({ one: zoned('A'), other: zoned('B') }),
  },
  'a text and the object of it': {
    tell: (text: unknown) => typeof text,
    make: () => ({ one: 'x', other: Object('x') }),
  },
  'objects in another order': {
    tell: (object: object) => Object.keys(object).join(),
    make: () => ({ one: { x: 1, y: 2 }, other: { y: 2, x: 1 } }),
  },
  'an object without a prototype': {
    tell: (object: object) => 'toString' in object,
    make: () => ({ one: {}, other: Object.create(null) }),
  },
  'objects with other symbols': {
    tell: (object: { readonly [Symbol.iterator]?: unknown }) => Symbol.iterator in object,
    make: () => ({ one: {}, other: { [Symbol.iterator]: undefined } }),
  },
  'objects with hidden properties': {
    tell: (object: { readonly h?: number }) => object.h,
    make: () => ({ one: {}, other: Object.defineProperty({}, 'h', { value: 1 }) }),
  },
  'a frozen object': { tell: (object) => Object.isFrozen(object), make: () => ({ one: {}, other: Object.freeze({}) }) },
  'one object twice': {
    tell: ([one, other]: readonly unknown[]) => one === other,
    make: () => ({ one: [shared, shared], other: [shared, { x: 1 }] }),
  },
}; // prettier-ignore

describe.each(kinds)('arguments of a lazy that look alike are told apart, in %s', (kind) => {
  test.each(Object.entries(pairs))('%s', async (_what, { tell, make }) => {
    const source = '{{ f(one) }} {{ f(other) }} {{ f({ wrapped: one }) }} {{ f({ wrapped: other }) }}';
    const site = new Site(`${source}${T(source)}`, kind);
    const f = (value: { readonly wrapped?: never }) => tell((value.wrapped ?? value) as never);
    const page = (load: unknown) => () => ({ a: a(), ...make(), f: load });
    for (let i = 0; i < 2; i++) await site.show(page(lazy(f)), page(f));
  });

  test('html and text', async () => {
    const source = '{{ f("<b>") }} {{ f("<b>" | safe) }} {{ f(["<b>"]) }} {{ f(["<b>" | safe]) }}';
    const site = new Site(`${source}${T(source)}`, kind);
    const f = (x: unknown) => x;
    for (let i = 0; i < 2; i++)
      await site.show(
        () => ({ a: a(), f: lazy(f) }),
        () => ({ a: a(), f }),
      ); // prettier-ignore
  });

  test('what a filter makes anew in each pass is loaded once', async () => {
    const site = new Site('{{ f("ab" | found) }}', kind, {
      helpers: (env) => void env.addFilter('found', (text: string) => /(?<x>a)/.exec(text)),
    });
    expect(await site.cached({ f: lazy(async (match: RegExpExecArray) => match.groups?.x) })).toBe('a');
  });

  test('what a template makes anew in each pass is loaded once', async () => {
    const site = new Site(
      '{{ f("a" | safe, [1, { x: "b" }], k=1) }}{{ g(f("a" | safe, [1, { x: "b" }], k=1)) }}',
      kind,
    );
    let runs = 0;
    const f = async (...args: readonly unknown[]) => {
      runs++;
      return JSON.stringify(args);
    };
    await site.cached({ f: lazy(f), g: lazy(async (text: string) => text) });
    expect(runs).toBe(1);
  });
});
