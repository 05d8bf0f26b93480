import fc from 'fast-check';
import nunjucks from 'nunjucks';
import type { CacheSweeperOptions, KeyParts } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import { sized } from '../support/long.ts';
import { Article, Comment } from '../support/models.ts';
import { fragment, Site } from './site.ts';

const article = new Article(1);

describe('the keys of a tag', () => {
  test('any values: the fragment that is served was rendered with these', async () => {
    const site = new Site(fragment('article 0 a b', '"body"', '{{ shown }}'));
    const values: unknown[] = [
      'a:b',
      'a',
      ['a', 'b'],
      'a","b',
      '',
      null,
      undefined,
      0,
      -0,
      '0',
      1n,
      { a: 1 },
      { a: [1] },
      new Date(1),
      'x'.repeat(10_240),
      '\0\n',
      '\ud800',
      '\udbff',
      new Map([[1, 2]]),
      new Set([1]),
      new URL('http://a/'),
    ];
    for (const ran of [['body'], []]) {
      for (const [i, a] of values.entries()) {
        for (const [j, b] of values.entries()) {
          const shown = `${i},${j}`;
          expect(await site.render({ article, a, b, shown })).toEqual({ html: shown, ran });
        }
      }
    }
  });

  test('objects whose properties are in another order are one key', async () => {
    const site = new Site(fragment('article 0 key', '"body"'));
    await site.render({ article, key: { a: 1, b: { c: 1, d: 2 } } });
    expect((await site.render({ article, key: { b: { d: 2, c: 1 }, a: 1 } })).ran).toEqual([]);
  });

  const circular: unknown[] = [];
  circular.push(circular);

  test.each<[string, unknown, string]>([
    ['a function', Math.max, 'model with an identity, got the function max; pass the attribute you mean'],
    ['a function in a list', [[Math.max]], 'model with an identity, got the function max; pass the attribute you mean'],
    ['a symbol', Symbol('a'), 'model with an identity, got a symbol; pass the attribute you mean'],
    ['a circular value', circular, 'key 2 cannot be part of a key: expected plain data, got a circular value'],
    ['an instance of an unknown class', new WeakMap(), 'got an instance of WeakMap; pass the attribute you mean'],
  ])('%s is an error with its place and that of the argument', async (_title, key, message) => {
    const site = new Site(fragment('article 0 "first" key', '"body"'));
    await expect(site.render({ article, key })).rejects.toMatchObject({
      code: 'CACHESWEEPER_BAD_KEY',
      message: expect.stringMatching(
        /^\(page\.njk\) \[Line 1, Column 4\]\n {2}key 2 cannot be part of a key: expected /,
      ),
    });
    await expect(site.render({ article, key })).rejects.toThrow(message);
  });

  test('text that is safe and text that is not are different keys: they print differently', async () => {
    const site = new Site(fragment('article 0 box', '"body"', '{{ box }}'));
    expect((await site.render({ article, box: new nunjucks.runtime.SafeString('<b>') })).html).toBe('<b>');
    expect((await site.render({ article, box: '<b>' })).html).toBe('&lt;b&gt;');
  });

  test('two tags of one template with the same arguments are two fragments', async () => {
    const site = new Site(`${fragment('article 0', '"one"', 'one')}${fragment('article 0', '"two"', 'two')}`);
    for (let i = 0; i < 2; i++) expect((await site.render({ article })).html).toBe('onetwo');
  });

  test('templates whose names look like another place are other fragments', async () => {
    const names = ['a', 'a#0@', 'a:1:b', ':1:a', 'a%0023', 'a"]', 'ä'];
    const site = new Site(
      Object.fromEntries(names.map((name, i) => [name, fragment('article 0', '"body"', String(i))])),
    );
    for (let i = 0; i < 2; i++) {
      for (const [at, name] of names.entries()) expect((await site.render({ article }, name)).html).toBe(String(at));
    }
  });
});

describe('the key option', () => {
  const two = fragment('comment 0 "x"', '"body"', '{{ comment.text }}');
  const comments = [new Comment(1, 'one'), new Comment(2, 'two')] as const;

  test('is given the parts of the key', async () => {
    const given: KeyParts[] = [];
    const site = new Site(two, {
      namespace: 'blog',
      version: 3,
      vary: () => ['de'],
      key: (parts) => {
        given.push(parts);
        return 'k';
      },
    });
    await site.render({ comment: comments[0] });
    expect(given).toEqual([
      {
        namespace: 'blog',
        version: 3,
        template: 'page.njk',
        digest: expect.stringMatching(/^[A-Za-z0-9_-]{16}$/),
        ordinal: 0,
        models: [{ type: 'Comment', id: '1', name: 'Comment:=1', token: expect.any(String) }],
        keys: '["x"]',
        using: '[]',
        vary: '["de"]',
        reads: expect.stringMatching(/^[A-Za-z0-9_-]*$/),
      },
    ]);
  });

  const circular: unknown[] = [];
  circular.push(circular);
  class Unknown {}

  test.each<[string, unknown]>([
    ['a constant', 'k'],
    ['nothing', undefined],
    ['null', null],
    ['a number', 5],
    ['NaN', Number.NaN],
    ['an empty string', ''],
    ['spaces and line ends', ' \n'],
    ['a very long text', 'x'.repeat(100_000)],
    ['a lone surrogate', '\ud800'],
    ['an object', { a: 1 }],
    ['a list', [1, 2]],
    ['a promise', Promise.resolve('k')],
    ['a function', () => 'k'],
    ['a symbol', Symbol('k')],
    ['a circular value', circular],
    ['an instance', new Unknown()],
  ])('that returns %s never mixes fragments up, and breaks no page', async (_title, returned) => {
    const site = new Site(two, { key: () => returned as string });
    for (const comment of [comments[0], comments[1], comments[0], comments[0]]) {
      expect((await site.render({ comment })).html).toBe(comment.text);
    }
    expect(site.outcomes).toEqual(['hit']);
  });

  test('that returns anything at all never mixes fragments up', async () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.string({ unit: 'binary' }), anything), { minLength: 1, maxLength: 3 }),
        async (returned) => {
          let at = 0;
          const site = new Site(two, { key: () => returned[at++ % returned.length] as string });
          for (let i = 0; i < 6; i++) {
            for (const comment of comments) expect((await site.render({ comment })).html).toBe(comment.text);
          }
        },
      ),
      { numRuns: sized(20, 50, 50) },
    );
  });

  test('that drops everything but the model still hits', async () => {
    const site = new Site(two, { key: ({ models }) => models.map(({ name }) => name).join() });
    for (const comment of comments) await site.render({ comment });
    for (const comment of comments) expect((await site.render({ comment })).ran).toEqual([]);
  });

  test('that is the same for two fragments of one page shows both right', async () => {
    const site = new Site(fragment('comments[0] 0', '"1"', '1') + fragment('comments[1] 0', '"2"', '2'), {
      key: () => 'k',
    });
    for (let i = 0; i < 3; i++) expect((await site.render({ comments })).html).toBe('12');
  });
});

describe('options in every key', () => {
  const tag = fragment('article 0', '"body"', '{{ locale }}');
  const keyWith = async (options: CacheSweeperOptions, context: object = {}) => {
    const keys: KeyParts[] = [];
    const site = new Site(tag, { ...options, key: (parts) => String(keys.push(parts)) });
    await site.render({ article, ...context });
    return keys[0];
  };

  test('namespace and version', async () => {
    expect(await keyWith({ namespace: 'a', version: 2 })).toMatchObject({ namespace: 'a', version: 2 });
    expect(await keyWith({})).toMatchObject({ namespace: '', version: 1 });
  });

  test('vary: values of the page, asked once for each', async () => {
    let asked = 0;
    const site = new Site(`${tag}${tag}`, {
      vary: (context) => {
        asked++;
        return [context.locale, { theme: context.theme }];
      },
    });
    expect((await site.render({ article, locale: 'de' })).html).toBe('dede');
    expect((await site.render({ article, locale: 'en' })).html).toBe('enen');
    expect((await site.render({ article, locale: 'de', theme: 'x' })).ran).toEqual(['body', 'body']);
    expect((await site.render({ article, locale: 'de' })).ran).toEqual([]);
    expect(asked).toBe(4);
  });

  test('vary looks at the context of the page, inside includes and loops as well', async () => {
    const site = new Site(
      {
        'page.njk': '{% set locale = "xx" %}{% for locale in ["yy"] %}{% include "leaf.njk" %}{% endfor %}',
        'leaf.njk': fragment('article 0', '"body"'),
      },
      { vary: (context) => [context.locale] },
    );
    await site.render({ article, locale: 'de' });
    expect((await site.render({ article, locale: 'en' })).ran).toEqual(['body']);
    expect((await site.render({ article, locale: 'de' })).ran).toEqual([]);
  });

  test.each<[string, unknown]>([
    ['a number', (context: { tenant: number }) => context.tenant],
    ['an object', (context: { tenant: number }) => ({ tenant: context.tenant })],
    ['a Set', (context: { tenant: number }) => new Set([context.tenant])],
    ['a promise', async (context: { tenant: number }) => [context.tenant]],
  ])('vary that gives %s instead of a list is an error, and does not mix tenants up', async (_title, vary) => {
    const site = new Site(fragment('article 0', '"body"', '{{ tenant }}'), { vary: vary as never });
    await expect(site.render({ article, tenant: 1 })).rejects.toMatchObject({
      name: 'CacheSweeperError',
      message: expect.stringContaining('vary'),
    });
  });

  test('vary with a value that has no text is an error that says so', async () => {
    const site = new Site(tag, { vary: () => ['de', () => 1] });
    await expect(site.render({ article })).rejects.toMatchObject({
      code: 'CACHESWEEPER_BAD_KEY',
      message: expect.stringContaining('vary value 2 cannot be part of a key'),
    });
  });
});
