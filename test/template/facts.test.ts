import fc from 'fast-check';
import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { minifySync } from 'vite';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { factsOf } from '../../src/template/compile/facts.ts';
import type { Nodes, Parser, Template } from '../../src/template/nunjucks.ts';
import { ObjectLoader, type Templates } from '../support/loaders.ts';
import { sized } from '../support/long.ts';
import { Article } from '../support/models.ts';
import { renderPage } from '../support/render.ts';
import { type Compiled, precompile, precompiledSite } from './precompiled.ts';
import { fragment, site } from './site.ts';

const f = fragment;

const TAGS: readonly (nunjucks.ConfigureOptions['tags'] | undefined)[] = [
  undefined,
  { blockStart: '<%', blockEnd: '%>', variableStart: '<$', variableEnd: '$>', commentStart: '<#', commentEnd: '#>' },
  { blockStart: '{-', blockEnd: '-}', variableStart: '[[', variableEnd: ']]', commentStart: '<!--', commentEnd: '-->' },
  { blockStart: '%%', blockEnd: '%%', variableStart: '$$', variableEnd: '$$', commentStart: '##', commentEnd: '##' },
];

interface Case {
  readonly source: string;
  readonly options: nunjucks.ConfigureOptions;
}

/** Pieces of templates, open ones too, in any delimiters; `B`, `V` and `C` stand for their starts, `b`, `v`, `c` for their ends. */
const pieces = fc.array(
  fc.constantFrom(
    ...['text', ' ', '\n', '\r\n', '\t', '  \n  ', '{', '<', '-', '%', '#', '$', '[', 'é\u2028', '{%', '{{', '"'],
    ...[
      '«B set x = 1 b»',
      '«B- set x = 2 -b»',
      '«B set x = 3 -b»',
      '«V x v»',
      '«V- x -v»',
      '«C note c»',
      '«C- note -c»',
    ],
    ...[
      '«B if x b»',
      '«B endif b»',
      '«B endif -b»',
      '«B for i in [1, 2] b»',
      '«B endfor b»',
      '«B raw b»',
      '«B endraw b»',
    ],
    ...[
      '«B block a b»',
      '«B endblock b»',
      '«B macro m() b»',
      '«B endmacro b»',
      '«V m() v»',
      '«C open',
      '«V open',
      '«B if',
    ],
    ...['«B cachesweeper T 5 b»', '«B endcachesweeper b»', '«B endcachesweeper -b»', '{% raw %}', '{% endraw %}'],
  ),
  { maxLength: 8 },
);

/** The same with a fragment in between. */
const aroundFragments = fc
  .tuple(pieces, pieces, pieces)
  .map(([before, body, after]) => [...before, '«B cachesweeper T 5 b»', ...body, '«B endcachesweeper b»', ...after]);

const given = (parts: fc.Arbitrary<string[]>): fc.Arbitrary<Case> =>
  fc
    .record({
      pieces: parts,
      end: fc.constantFrom('', ' ', '\n', '\n  ', '  \t', '\r', '\r\n', '{', '<', '%', 'x'),
      tags: fc.constantFrom(...TAGS),
      trimBlocks: fc.boolean(),
      lstripBlocks: fc.boolean(),
      autoescape: fc.boolean(),
    })
    .map(({ pieces: parts, end, tags, ...options }) => {
      const marks: Record<string, string> = {
        ...{ '«B': tags?.blockStart ?? '{%', 'b»': tags?.blockEnd ?? '%}' },
        ...{ '«V': tags?.variableStart ?? '{{', 'v»': tags?.variableEnd ?? '}}' },
        ...{ '«C': tags?.commentStart ?? '{#', 'c»': tags?.commentEnd ?? '#}' },
      };
      const source = (parts.join('') + end).replace(/«[BVC]|[bvc]»/g, (mark) => marks[mark] as string);
      return { source, options: tags === undefined ? options : { ...options, tags } };
    });

/** Prints what it contains, as the fragment's tag does when nothing is cached. */
class Plain {
  readonly tags = ['cachesweeper'];
  readonly autoescape = false;
  parse(parser: Parser, nodes: Nodes): unknown {
    for (const _ of ['cachesweeper', 'T', '5']) parser.nextToken();
    parser.advanceAfterBlockEnd('cachesweeper');
    const body = parser.parseUntilBlocks('endcachesweeper');
    parser.advanceAfterBlockEnd();
    return new nodes.CallExtension(this, 'run', new nodes.NodeList(0, 0, []), [body]);
  }
  run(_context: unknown, body: () => string): string {
    return body();
  }
}

function htmlOf(env: nunjucks.Environment, source: string): string {
  try {
    return JSON.stringify(env.renderString(source, { x: '<x>' }));
  } catch (error) {
    return (error as Error).message;
  }
}

test('of what a template prints, or why it is refused, not a byte changes', () => {
  let complete = 0;
  fc.assert(
    fc.property(given(pieces), ({ source, options }) => {
      fc.pre(!source.includes('cachesweeper'));
      const plain = new nunjucks.Environment(null, options);
      const installed = new CacheSweeper().install(new nunjucks.Environment(null, options));
      const html = htmlOf(plain, source);
      expect(htmlOf(installed, source)).toBe(html);
      if (!html.startsWith('"')) return;
      complete++;
      const template = new nunjucks.Template(source, installed) as unknown as Template;
      template.compile();
      expect(factsOf(template)?.digest).toMatch(/^[\w-]{43}$/);
    }),
    { numRuns: sized(150, 100_000, 500) },
  );
  expect(complete).toBeGreaterThan(sized(20, 30_000, 150));
});

test('neither does it around fragments', () => {
  fc.assert(
    fc.property(given(aroundFragments), ({ source, options }) => {
      // What a body sets ends with it.
      fc.pre(!source.includes(' set '));
      const plain = new nunjucks.Environment(null, options).addExtension('plain', new Plain() as never);
      const html = htmlOf(plain, source);
      fc.pre(html.startsWith('"'));
      const installed = new CacheSweeper({ enabled: false }).install(new nunjucks.Environment(null, options));
      const own = htmlOf(installed, source);
      // A block or a caller in a body, a macro that is used behind it.
      fc.pre(own.startsWith('"'));
      expect(own).toBe(html);
    }),
    { numRuns: sized(12, 10_000, 80), maxSkipsPerRun: 1_000 },
  );
});

const TEMPLATES: Templates = {
  'page.njk':
    '{% extends "base.njk" %}{% from "m.njk" import show %}{% import "m.njk" as m %}' +
    `{% block main %}{% from "m.njk" import show %}{{ show("a") }}${f('article', '{% include "part.njk" %}')}{{ super() }}{% endblock %}\n`,
  'base.njk': '<main>\n{% block main %}base{% endblock %}\n</main>\n',
  'm.njk': '{% macro show(x) %}[{{ x }}]{% endmacro %}\n',
  'part.njk': '{{ article.title }} {',
};
const HTML = '<main>\n[a]Article &lt;1&gt; {base\n</main>\n';
const context = () => ({ article: new Article(1) });

function minified(compiled: string): string {
  const { code } = minifySync('page.js', `globalThis.made = function () {${compiled}\n}`, { module: false });
  expect(code.length).toBeLessThan(compiled.length);
  return code;
}

/** What a build step writes for templates, minified. */
function precompiledAndMinified(templates: Templates): Compiled {
  const env = new CacheSweeper().install(new nunjucks.Environment(new ObjectLoader(templates) as nunjucks.ILoader));
  const compiled: Compiled = {};
  const wrapper = ([{ name, template }]: [{ name: string; template: string }]) => {
    const holder: { made?: () => { root: () => void } } = {};
    new Function('globalThis', minified(template))(holder);
    compiled[name] = (holder.made as () => { root: () => void })();
    return '';
  };
  for (const [name, source] of Object.entries(templates)) {
    nunjucks.precompileString(source, { name, env, wrapper } as never);
  }
  return compiled;
}

describe('facts', () => {
  const kinds: Record<string, (templates: Templates) => ReturnType<typeof site>> = {
    'from source': (templates) => site(templates),
    precompiled: (templates) => precompiledSite(precompile(templates)),
    'precompiled and minified': (templates) => precompiledSite(precompiledAndMinified(templates)),
  };

  test.each(Object.entries(kinds))('are the same however the template gets here: %s', async (_kind, siteOf) => {
    const { env, render, outcomes, keys } = siteOf(TEMPLATES);
    expect(await render(context())).toBe(HTML);
    const digest = JSON.parse(keys[0] as string).digest;
    expect(await render(context())).toBe(HTML);
    expect(outcomes()).toEqual(['hit']);
    const expected = site(TEMPLATES);
    await expected.render(context());
    expect(digest).toBe(JSON.parse(expected.keys[0] as string).digest);
    const template = env.getTemplate('page.njk', true) as unknown as Template;
    expect(factsOf(template)).toMatchObject({
      parent: 'base.njk',
      references: ['base.njk', 'm.njk', 'part.njk'],
      fragments: [{ templates: [{ template: 'part.njk' }] }],
    });
    // The block that printed them is no page's.
    expect(Object.keys(template.blocks)).toEqual(['main']);
  });

  test.each(Object.entries(kinds))('tell an edited include: %s', async (_kind, siteOf) => {
    const digests = new Set<string>();
    for (const text of ['one', 'two']) {
      const { render, keys } = siteOf({ ...TEMPLATES, 'part.njk': text });
      expect(await render(context())).toContain(text);
      digests.add(JSON.parse(keys[0] as string).digest);
    }
    expect(digests.size).toBe(2);
  });

  test.each([
    ['before', true],
    ['behind', false],
  ])("are of what another extension's preprocess makes, which is installed %s", async (_when, isBefore) => {
    const loader = new ObjectLoader({ 'page.njk': `${f('article', '@part@')}\n`, 'part.njk': 'x' });
    const env = new nunjucks.Environment(loader as nunjucks.ILoader);
    const sweeper = new CacheSweeper();
    if (!isBefore) sweeper.install(env);
    env.addExtension('short', {
      tags: [],
      preprocess: (text: string) => text.replace(/@(\w+)@/g, '{% include "$1.njk" %}'),
    } as never);
    sweeper.install(env);
    expect(await renderPage(env, 'page.njk', context())).toBe('x\n');
    const template = env.getTemplate('page.njk') as unknown as Template;
    expect(factsOf(template)).toMatchObject({ references: ['part.njk'] });
  });

  test('of damaged or foreign code are none', () => {
    const block =
      (printed: string) => (_e: unknown, _c: unknown, _f: unknown, _r: unknown, cb: (e: null, html: string) => void) =>
        cb(null, printed);
    for (const printed of [
      '',
      '{',
      'null',
      '5',
      '{}',
      '{"version":0}',
      '{"version":1,"digest":"x","references":[5]}',
    ]) {
      const template = { rootRenderFunc: () => {}, blocks: { cachesweeper_facts: block(printed) } };
      expect(factsOf(template as unknown as Template)).toBeUndefined();
    }
  });
});

/** Templates that were precompiled without the environment that has the sweeper. */
function foreign(templates: Templates): Compiled {
  let compiled: Compiled = {};
  const wrapper = ([{ name, template }]: [{ name: string; template: string }]) => {
    compiled = { ...compiled, [name]: new Function(template)() };
    return '';
  };
  for (const [name, source] of Object.entries(templates)) {
    nunjucks.precompileString(source, { name, env: new nunjucks.Environment(null), wrapper } as never);
  }
  return compiled;
}

describe('a template that was compiled elsewhere', () => {
  test('is rendered, leaves what includes it uncached, and is warned of once', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    onTestFinished(() => warn.mockRestore());
    const compiled = {
      ...precompile({
        'page.njk': f('article', '{% include "part.njk" %}'),
        'late.njk': f('article', '{% include chosen %}'),
        'missing.njk': f('article', 'x{% include "none.njk" ignore missing %}'),
      }),
      ...foreign({ 'part.njk': '{{ article.title }}' }),
    };
    const { render, outcomes } = precompiledSite(compiled);
    for (const name of ['page.njk', 'late.njk', 'page.njk', 'late.njk']) {
      expect(await render({ ...context(), chosen: 'part.njk' }, name)).toBe('Article &lt;1&gt;');
      expect(outcomes()).toEqual(['unknown template']);
    }
    expect(await render(context(), 'missing.njk')).toBe('x');
    expect(await render(context(), 'missing.njk')).toBe('x');
    expect(outcomes()).toEqual(['hit']);
    expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining('nunjucks.precompile(…, { env })'), {
      type: 'CacheSweeperWarning',
      code: 'CACHESWEEPER_UNKNOWN_TEMPLATE',
    });
    expect(warn.mock.calls[0]?.[0]).toContain('part.njk');
  });

  test('has fragments that are not cached', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    onTestFinished(() => warn.mockRestore());
    const compiled = precompile({ 'page.njk': f('article', '{{ article.title }}') });
    // As by a compiler that does not run `preprocess`.
    for (const code of Object.values(compiled)) delete (code as Record<string, unknown>)['b_cachesweeper_facts'];
    const { render, outcomes } = precompiledSite(compiled);
    for (let i = 0; i < 2; i++) {
      expect(await render(context())).toBe('Article &lt;1&gt;');
      expect(outcomes()).toEqual(['unknown template']);
    }
    expect(warn).toHaveBeenCalledTimes(1);
  });
});
