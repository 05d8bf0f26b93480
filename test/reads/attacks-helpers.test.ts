import type { Environment } from 'nunjucks';
import { describe, expect, test } from 'vitest';
import { Article } from '../support/models.ts';
import { addTest, kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

const a = () => new Article(1);

describe.each(kinds.filter((kind) => kind !== 'memory'))(
  'a global that is set anew for each request, in %s',
  (kind) => {
    test('a second process (or the first, restarted) is not shown what the first one met under its name', async () => {
      const first = new Site(T('{{ t("hi") }}'), kind);
      const second = new Site(T('{{ t("hi") }}'), kind, { shared: first });
      for (const [site, lang] of [
        [first, 'en'],
        [second, 'de'],
      ] as const) {
        for (const env of [site.env, site.plain]) env.addGlobal('t', (text: string) => `${lang}:${text}`);
        await site.show(() => ({ a: a() }));
      }
    });
  },
);

describe.each(kinds)('a filter or test that takes the place of another, in %s', (kind) => {
  test('a filter', async () => {
    const site = new Site(T('{{ "hi" | t }}'), kind);
    for (const lang of ['en', 'de']) {
      for (const env of [site.env, site.plain]) env.addFilter('t', (text: string) => `${lang}:${text}`);
      await site.show(() => ({ a: a() }));
    }
  });
});

describe.each(kinds)('what takes the place of Nunjucks’ own, in %s', (kind) => {
  test('a filter', async () => {
    const site = new Site(T('{{ "Hi" | upper }}'), kind);
    for (let i = 0; i < 2; i++) await site.show(() => ({ a: a() }));
    for (const env of [site.env, site.plain]) env.addFilter('upper', (text: string) => `${text}!`);
    for (let i = 0; i < 3; i++) await site.show(() => ({ a: a() }));
    expect(site.outcomes).toEqual(['hit']);
  });

  test('a test', async () => {
    const site = new Site(T('{{ "a" if 2 is even else "b" }}'), kind);
    for (let i = 0; i < 2; i++) await site.show(() => ({ a: a() }));
    for (const env of [site.env, site.plain]) addTest(env, 'even', () => false);
    for (let i = 0; i < 3; i++) await site.show(() => ({ a: a() }));
    expect(site.outcomes).toEqual(['hit']);
  });

  test('a filter, by another one of Nunjucks’ own, and back', async () => {
    const site = new Site(T('{{ "Hi" | upper }}'), kind);
    const upper = site.env.getFilter('upper');
    for (const name of ['lower', 'title', undefined]) {
      for (let i = 0; i < 2; i++) await site.show(() => ({ a: a() }));
      for (const env of [site.env, site.plain])
        env.addFilter('upper', name === undefined ? upper : env.getFilter(name));
    }
    for (let i = 0; i < 2; i++) await site.show(() => ({ a: a() }));
    expect(site.outcomes).toEqual(['hit']);
  });

  test('a tag of the site’s that another takes the place of', async () => {
    const site = new Site(T('{% say %}'), kind, { helpers: (env) => env.addExtension('say', new Say('x')) });
    for (let i = 0; i < 2; i++) await site.show(() => ({ a: a() }));
    for (const env of [site.env, site.plain]) env.addExtension('say', new Say('y'));
    for (let i = 0; i < 2; i++) await site.show(() => ({ a: a() }));
    expect(site.outcomes).toEqual(['hit']);
  });
});

describe.each(kinds)('helpers of the site, in %s', (kind) => {
  const helpers = (env: Environment) => void env.addGlobal('t', (text: string) => `<${text}>`).addFilter('f', upper);
  const body = T('{{ t("x") }}{{ "x" | f }}{{ range(2) }}');

  test('stand by their name and source: what they print is there for another process', async () => {
    const site = new Site(body, kind, { helpers });
    expect(await site.show(() => ({ a: a() }))).toEqual(['miss']);
    const other = new Site(body, kind, { helpers, shared: site });
    expect(await other.show(() => ({ a: a() }))).toEqual([kind === 'memory' ? 'miss' : 'hit']);
  });

  test('that come later do so from the second page on', async () => {
    const site = new Site(body, kind);
    await new Promise((resolve) => setImmediate(resolve));
    for (const env of [site.env, site.plain]) helpers(env);
    for (const outcome of ['unseen', 'miss', 'hit']) expect(await site.show(() => ({ a: a() }))).toEqual([outcome]);
    const other = new Site(body, kind, { helpers, shared: site });
    expect(await other.show(() => ({ a: a() }))).toEqual([kind === 'memory' ? 'miss' : 'hit']);
  });

  test('are another’s with another source', async () => {
    const site = new Site(T('{{ "x" | f }}'), kind, { helpers });
    await site.show(() => ({ a: a() }));
    const edited = (env: Environment) => void env.addFilter('f', (text: string) => `${text}, edited`);
    const other = new Site(T('{{ "x" | f }}'), kind, { helpers: edited, shared: site });
    expect(await other.show(() => ({ a: a() }))).toEqual(['miss']);
  });

  test('are no paths of the reports', async () => {
    const site = new Site(T('{{ "x" | f }}{{ lang }}'), kind, { helpers });
    await site.show(() => ({ a: a(), lang: 'en' }));
    expect(site.reads).toEqual(['lang']);
  });

  test('of a fragment in a body are the body’s', async () => {
    const site = new Site(T(T('{{ "x" | f }}')), kind, { helpers });
    await site.show(() => ({ a: a() }));
    for (const env of [site.env, site.plain]) env.addFilter('f', (text: string) => `${text}!`);
    for (let i = 0; i < 3; i++) await site.show(() => ({ a: a() }));
    expect(site.outcomes).toEqual(['hit']);
  });
});

const upper = (text: string) => text.toUpperCase();

/** `{% say %}`. */
class Say {
  readonly tags = ['say'];
  readonly #what: string;

  constructor(what: string) {
    this.#what = what;
  }

  parse(parser: never, nodes: never): unknown {
    const [{ nextToken, advanceAfterBlockEnd }, { CallExtension, NodeList }] = [parser, nodes] as [
      { nextToken(): { value: string }; advanceAfterBlockEnd(tag: string): void },
      Record<'CallExtension' | 'NodeList', new (...args: unknown[]) => unknown>,
    ];
    const { value } = nextToken.call(parser);
    advanceAfterBlockEnd.call(parser, value);
    return new CallExtension(this, 'run', new NodeList(0, 0, []), []);
  }

  run(): string {
    return this.#what;
  }
}

describe.each(kinds)('a helper that gets another one from this.env, in %s', (kind) => {
  type This = { readonly env: Environment; readonly lang?: string; lookup(name: string): unknown };
  const uses: readonly (readonly [string, (this: This, rows: readonly unknown[]) => unknown])[] = [
    [
      'Nunjucks’ own, without this',
      function (rows) {
        const join = this.env.getFilter('join');
        return join(rows, '-');
      },
    ],
    [
      'Nunjucks’ own, with this',
      function (rows) {
        return this.env.getFilter('join').call(this, rows, '-');
      },
    ],
    [
      'Nunjucks’ own, with another this',
      function (rows) {
        return { join: this.env.getFilter('join') }.join(rows, '-');
      },
    ],
    [
      'one of the site, without this',
      function (rows) {
        const shout = this.env.getFilter('shout');
        return shout(rows[0]);
      },
    ],
    [
      'one of the site, with this',
      function (rows) {
        return this.env.getFilter('shout').call(this, rows[0]);
      },
    ],
    [
      'one of the site, with another this',
      function (rows) {
        return { lang: 'x', shout: this.env.getFilter('shout') }.shout(rows[0]);
      },
    ],
    [
      'a test, without this',
      function (rows) {
        const is = (this.env as unknown as { getTest(name: string): (x: unknown) => boolean }).getTest('iterable');
        return `${is(rows)}${rows}`;
      },
    ],
  ]; // prettier-ignore

  test.each(uses)('%s', async (_name, pretty) => {
    const site = new Site(T('{{ rows | pretty }}{{ pretty(rows) }}'), kind, {
      helpers: (env) => {
        env.addFilter('shout', function (this: This | undefined, text: unknown) {
          return `${text}!${this?.lookup?.('lang') ?? this?.lang}`;
        });
        env.addFilter('pretty', pretty as never);
        env.addGlobal('pretty', pretty);
      },
    });
    const pages = [
      [1, 'de'],
      [3, 'de'],
      [3, 'en'],
    ].map(([x, lang]) => () => ({ a: a(), rows: [x, 2], lang })); // prettier-ignore
    for (const page of [...pages, ...pages]) await site.show(page);
    expect(site.outcomes).toEqual(['hit']);
  });

  test('one that is replaced', async () => {
    const site = new Site(T('{{ "x" | pretty }}'), kind, {
      helpers: (env) => {
        env.addFilter('pretty', function (this: This, text: string) {
          const shout = this.env.getFilter('shout');
          return shout(text);
        } as never);
      },
    });
    for (const end of ['!', '?']) {
      for (const env of [site.env, site.plain]) env.addFilter('shout', (text: string) => `${text}${end}`);
      for (let i = 0; i < 3; i++) await site.show(() => ({ a: a() }));
    }
  });
});

describe.each(kinds)('a helper that clones this.ctx, in %s', (kind) => {
  type This = { readonly ctx: { readonly lang: string; readonly o: object } };
  const site = (clone: (this: This) => unknown) =>
    new Site(T('{{ "x" | f }}'), kind, { helpers: (env) => void env.addFilter('f', clone as never) });
  const page = (lang: string) => () => ({ a: a(), lang, o: { x: lang } });
  const langs = ['de', 'en', 'de', 'en'];

  test('is told that a proxy cannot be cloned', async () => {
    const shown = site(function () {
      return structuredClone(this.ctx).lang;
    });
    await expect(shown.cached(page('de')())).rejects.toThrow(/DataCloneError.* could not be cloned/);
  });

  test('clones the variables that it needs', async () => {
    const shown = site(function () {
      const { lang, o } = structuredClone({ lang: this.ctx.lang, o: this.ctx.o });
      return lang + JSON.stringify(o);
    });
    for (const lang of langs) await shown.show(page(lang));
    expect(shown.outcomes).toEqual(['hit']);
  });

  test('clones a copy of all of them, and is not stored', async () => {
    const shown = site(function () {
      return structuredClone({ ...this.ctx, a: 0 }).lang;
    });
    for (const lang of langs) await shown.show(page(lang));
    expect(shown.outcomes).toEqual(['unseen']);
  });
});
