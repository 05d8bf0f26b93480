import { inspect } from 'node:util';
import nunjucks from 'nunjucks';
import { describe, expect, test } from 'vitest';
import { Article } from '../support/models.ts';
import { kindsFor, Site, type SiteOptions, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

const LONG = 'x'.repeat(5_000);
const SHOW = T('{{ v | show }}');
const safe = (text: string) => new nunjucks.runtime.SafeString(text);
const helpers: SiteOptions['helpers'] = (env) => {
  env.addFilter('show', (value: unknown) => inspect(value, { depth: 9, maxStringLength: null }));
  env.addFilter('ignore', () => 'ignored');
};

class Point {
  x: number;
  constructor(x: number) {
    this.x = x;
  }
  double(): number {
    return this.x * 2;
  }
}
class Spot extends Point {}

function cycle(name: string): object {
  const o: Record<string, unknown> = { name };
  o.self = o;
  o.list = [o];
  return o;
}

/** Two values that are not the same, and a body that shows it. */
const different: Record<string, readonly [string, () => unknown, () => unknown]> = {
  'undefined and null': [SHOW, () => undefined, () => null],
  'undefined and null, by default': [T('{{ v | default("d") }}'), () => undefined, () => null],
  'undefined and empty': [SHOW, () => undefined, () => ''],
  'a member that is undefined and one that is null': [T('{{ v.x | show }}'), () => ({}), () => ({ x: null })],
  'a member that is undefined and one that is not there': [SHOW, () => ({ x: undefined }), () => ({})],
  '0 and -0': [SHOW, () => 0, () => -0],
  '0 and NaN': [SHOW, () => 0, () => Number.NaN],
  'NaN and null': [SHOW, () => Number.NaN, () => null],
  infinities: [SHOW, () => Number.POSITIVE_INFINITY, () => Number.NEGATIVE_INFINITY],
  'a number and its text': [SHOW, () => 1, () => '1'],
  'a number and a bigint': [SHOW, () => 1, () => 1n],
  'true and its text': [SHOW, () => true, () => 'true'],
  'a list and its text': [SHOW, () => ['x'], () => 'x'],
  'a list of one and of two': [SHOW, () => ['x,y'], () => ['x', 'y']],
  'a list and an object': [SHOW, () => ['x'], () => ({ 0: 'x' })],
  'a hole and undefined': [SHOW, () => new Array(1), () => [undefined]],
  'objects with keys in another order': [T('{{ v | dump }}'), () => ({ x: 1, y: 2 }), () => ({ y: 2, x: 1 })],
  'members with keys in another order': [
    T('{{ v.o | dump }}'),
    () => ({ o: { x: 1, y: 2 } }),
    () => ({ o: { y: 2, x: 1 } }),
  ],
  'safe and unsafe text': [T('{{ v }}'), () => safe('<b>'), () => '<b>'],
  'two safe texts': [T('{{ v }}'), () => safe('<b>'), () => safe('<i>')],
  'two dates': [T('{{ v | show }}'), () => new Date(1), () => new Date(2)],
  'a date and its number': [SHOW, () => new Date(1), () => 1],
  'a date and none': [SHOW, () => new Date(1), () => new Date(Number.NaN)],
  'two regular expressions': [SHOW, () => /x/g, () => /x/i],
  bytes: [SHOW, () => Uint8Array.of(1, 2), () => Uint8Array.of(1, 3)],
  errors: [SHOW, () => new Failure('x'), () => new Failure('y')],
  URLs: [T('{{ v }}'), () => new URL('http://x/'), () => new URL('http://y/')],
  'long texts that differ at their end': [T('{{ v }}'), () => `${LONG}1`, () => `${LONG}2`],
  'long texts in an object': [SHOW, () => ({ t: `${LONG}1` }), () => ({ t: `${LONG}2` })],
  'a half character and a question mark': [SHOW, () => '\ud800', () => '\ufffd'],
  'cycles of other content': [T('{{ v.self.self.name }}'), () => cycle('x'), () => cycle('y')],
  'cycles of other content, whole': [SHOW, () => cycle('x'), () => cycle('y')],
  'a Map and an object': [SHOW, () => new Map([['x', 1]]), () => ({ x: 1 })],
  'Maps with a key that is text or number': [SHOW, () => new Map([['1', 1]]), () => new Map([[1, 1]])],
  'a Set and a list': [SHOW, () => new Set(['x']), () => ['x']],
  'an object without a prototype and with one': [
    SHOW,
    () => Object.assign(Object.create(null), { x: 1 }),
    () => ({ x: 1 }),
  ],
  'instances of two classes': [SHOW, () => new Point(1), () => new Spot(1)],
  'instances of other content': [SHOW, () => new Point(1), () => new Point(2)],
  'an instance in an object': [SHOW, () => ({ p: new Point(1) }), () => ({ p: new Point(2) })],
};

class Failure extends Error {
  override stack = '';
}

const page = (v: () => unknown) => () => ({ a: new Article(1), v: v() });

describe.each(kinds)('values are told apart, in %s', (kind) => {
  test.each(Object.entries(different))('%s', async (_which, [source, one, other]) => {
    const site = new Site(source, kind, { helpers });
    expect(await site.alone(page(one)())).not.toBe(await site.alone(page(other)()));
    const outcomes: string[] = [];
    for (const value of [one, other, one, other, one, other]) outcomes.push(...(await site.show(page(value))));
    // What cannot be compared may stay out of the cache; plain data may not.
    if (outcomes.includes('unseen')) return;
    expect(outcomes).toEqual(['miss', 'miss', 'hit', 'hit', 'hit', 'hit']);
  });

  test('and a value that is made anew with the same content is the same', async () => {
    for (const [source, one] of Object.values(different)) {
      const site = new Site(source, kind, { helpers });
      // A class is trusted from the second render on.
      for (let i = 0; i < 3; i++) await site.show(page(one));
      expect(site.outcomes, source).not.toEqual(['miss']);
    }
  });

  test.each([
    ['text', () => 'x'],
    ['nothing', () => null],
    ['NaN', () => Number.NaN],
    ['a date', () => new Date(1)],
    ['safe text', () => safe('<b>')],
    ['a plain object', () => ({ x: [1, { y: null }] })],
    ['a long text', () => LONG],
    ['a cycle', () => cycle('x')],
    ['a Map', () => new Map([['x', { y: 1 }]])],
    ['an instance', () => new Point(1)],
  ])('%s is stored', async (what, value) => {
    const site = new Site(SHOW, kind, { helpers });
    if (what === 'an instance') expect(await site.show(page(value))).toEqual(['unseen']);
    expect(await site.show(page(value))).toEqual(['miss']);
    expect(await site.show(page(value))).toEqual(['hit']);
  });
});

describe.each(kinds)('the identity of objects, in %s', (kind) => {
  const shared = () => ({ n: 1 });
  const both = (x: object, y: object) => () => ({ a: new Article(1), x, y, list: [x, y] });
  const same = () => {
    const o = shared();
    return both(o, o)();
  };
  const copies = () => both(shared(), shared())();

  test.each([
    ['two variables', '{{ x == y }}'],
    ['two items of a list', '{{ list[0] == list[1] }}'],
    ['a variable and an item of a list', '{{ x === list[1] }}'],
    ['two variables whose members are read', '{{ x.n }}{{ y.n }}{{ x == y }}'],
    ['an item looked for in a list', '{{ y in [x] }}'],
  ])('is told by %s', async (_how, body) => {
    const site = new Site(T(body), kind, { helpers });
    for (const context of [same, copies, same, copies, same, copies]) await site.show(context);
    expect(['hit', 'unseen']).toContain(site.outcomes[0]);
  });
});

describe.each(kinds)('what cannot be compared, in %s', (kind) => {
  const throwing = () =>
    new Proxy(
      {},
      {
        get: (_target, name) => {
          throw new Error(`no ${String(name)}`);
        },
        ownKeys: () => {
          throw new Error('no keys');
        },
        getPrototypeOf: () => {
          throw new Error('no prototype');
        },
        getOwnPropertyDescriptor: () => {
          throw new Error('no descriptor');
        },
      },
    );

  test.each([
    ['a promise', () => Promise.resolve(1)],
    ['a promise in an object', () => ({ p: Promise.resolve(1) })],
    ['a proxy that throws', throwing],
    ['a proxy that throws, in a list', () => [throwing()]],
  ])('is not stored, and breaks nothing: %s', async (_what, value) => {
    const site = new Site(T('{{ v | ignore }}'), kind, { helpers });
    for (let i = 0; i < 3; i++) expect(await site.show(page(value))).toEqual(['unseen']);
    expect(site.unseen).toMatch(/\bv\b/);
    expect(site.errors).toEqual([]);
  });

  test('breaks nothing where the body reads something else of the page', async () => {
    const site = new Site(T('{{ lang }}'), kind, { helpers });
    const context = () => ({ a: new Article(1), lang: 'en', bad: throwing() });
    expect(await site.show(context)).toEqual(['miss']);
    expect(await site.show(context)).toEqual(['hit']);
  });
});

describe.each(kinds)('looking for a fragment calls nothing of the page, in %s', (kind) => {
  /** Counts the calls of what a page's object has, by whom they are made. */
  const counting = (make: (call: () => void) => object) => {
    let calls = 0;
    const context = () => ({ a: new Article(1), o: make(() => calls++) });
    return {
      context,
      callsOf: async (render: () => Promise<unknown>) => {
        calls = 0;
        await render();
        return calls;
      },
    };
  };

  class Person {
    first = 'Ann';
    #call: () => void;
    constructor(call: () => void) {
      this.#call = call;
    }
    get full(): string {
      this.#call();
      return `${this.first} Lee`;
    }
  }

  test.each([
    [
      'a getter of a plain object',
      (call: () => void) => ({
        get full() {
          call();
          return 'Ann Lee';
        },
      }),
    ],
    ['a getter of a class', (call: () => void) => new Person(call)],
    [
      'toJSON and toString',
      (call: () => void) => ({
        first: 'Ann',
        full: 'Ann Lee',
        toJSON: call,
        toString: call,
      }),
    ],
  ])('not %s', async (_what, make) => {
    const site = new Site(T('{{ o.full }}'), kind);
    const { context, callsOf } = counting(make);
    const alone = await callsOf(() => site.alone(context()));
    for (let i = 0; i < 4; i++) {
      const calls = await callsOf(() => site.cached(context()));
      expect(calls).toBe(site.outcomes[0] === 'hit' ? 0 : alone);
      await site.show(context);
    }
  });

  test('and an instance whose getter is read is found by its own data', async () => {
    const site = new Site(T('{{ o.full }}'), kind);
    const person = (first: string) => () => ({ a: new Article(1), o: Object.assign(new Person(() => {}), { first }) });
    for (const first of ['Ann', 'Bob', 'Ann', 'Bob']) await site.show(person(first));
    expect(['hit', 'unseen']).toContain(site.outcomes[0]);
  });

  test('and an instance whose method is called is compared by its own data', async () => {
    const site = new Site(T('{{ o.double() }}'), kind);
    const point = (x: number) => () => ({ a: new Article(1), o: new Point(x) });
    // A method of a class is the same function on every page.
    await site.show(point(1));
    expect(await site.show(point(1))).not.toEqual(['unseen']);
    expect(await site.show(point(1))).toEqual(['hit']);
    expect(await site.show(point(2))).toEqual(['miss']);
    expect(await site.show(point(1))).toEqual(['hit']);
  });
});
