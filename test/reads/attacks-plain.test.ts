import { runInNewContext } from 'node:vm';
import type nunjucks from 'nunjucks';
import { describe, expect, test } from 'vitest';
import { kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

const a = { cacheIdentity: { type: 'A', id: 1 } };
const withoutRoot = (data: object): object => Object.create(Object.assign(Object.create(null), data));

describe.each(kinds)('%s', (kind) => {
  const told = async (body: string, values: readonly unknown[], helper: (value: never) => unknown = String) => {
    const helpers = (env: nunjucks.Environment) => void env.addGlobal('tell', helper as never);
    const site = new Site(T(body), kind, { helpers });
    for (const o of [...values, ...values]) await site.show(() => ({ a, o }));
    return site;
  };

  describe('what an object inherits of one without a prototype', () => {
    test('counts where a function is handed it', () =>
      told('{{ tell(o) }}', [withoutRoot({ t: 'A' }), withoutRoot({ t: 'B' })], ({ t }: { t: string }) => t));
    test('counts for in', () => told('{{ "x" in o }}', [withoutRoot({ x: 1 }), withoutRoot({ y: 1 })]));
    test('counts where it looks like Object.prototype', () =>
      told(
        '{{ tell(o) }}',
        ['A', 'B'].map((t) => withoutRoot({ t, hasOwnProperty: () => true, constructor: Object })),
        ({ t }: { t: string }) => t,
      ));
  });
  test('an object of another realm is plain: it needs no trust', async () => {
    const site = new Site(T('{{ tell(o) }}'), kind, { helpers: (env) => env.addGlobal('tell', JSON.stringify) });
    for (let i = 0; i < 2; i++) await site.show(() => ({ a, o: runInNewContext('({ x: [1, { y: 2 }] })') }));
    expect(site.outcomes).toEqual(['hit']);
  });

  describe('what a loop counts to the length of', () => {
    const loop = '{% for x in o %}{{ x }}{% endfor %}';
    const hidden = (x: string) => Object.defineProperty({ length: 1 }, 0, { value: x });
    test('has elements that no loop over names shows', () => told(loop, [hidden('A'), hidden('B')]));
    test('has a length that is an object', () =>
      told(
        loop,
        [0, 1, 2].map((length) => ({ 0: 'A', 1: 'B', length: { valueOf: () => length } })),
      ));
  });

  /** Values with elements, and a property whose name looks like one of another. */
  const numbered: readonly (readonly [string, (extra: string) => object])[] = [
    ['a list, 01', (extra) => Object.assign(['x', 'y'], { '01': extra })],
    ['a list, 4294967295', (extra) => Object.assign(['x', 'y'], { '4294967295': extra })],
    ['bytes, 01', (extra) => Object.assign(new Uint8Array(2), { '01': extra })],
    ['a text, 7', (extra) => Object.assign(new String('xy'), { 7: extra })],
  ];
  test.each(numbered)(
    'what is added to a value under a name that looks like the index of an element: %s',
    async (name, made) => {
      const added = name.split(', ')[1] as string;
      await told('{{ tell(o) }}', [made('A'), made('B')], (o: Record<string, string>) => o[added]);
    },
  );

  test('a hole in a list is not undefined', () => told('{{ nothing in o }}', [new Array(1), [undefined]]));
  test('a frozen, a sealed and another object to which nothing can be added', () =>
    told(
      '{{ tell(o) }}',
      [{ x: 1 }, Object.preventExtensions({ x: 1 }), Object.seal({ x: 1 }), Object.freeze({ x: 1 })],
      (o: object) => `${Object.isFrozen(o)}${Object.isSealed(o)}${Object.isExtensible(o)}`,
    ));
});
