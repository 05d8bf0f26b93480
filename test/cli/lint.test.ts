import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import fc from 'fast-check';
import nunjucks from 'nunjucks';
import { CacheSweeper, CacheSweeperError, type FragmentReport } from 'nunjucks-cachesweeper';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lintTemplate } from '../../src/cli/lint/lint-template.ts';
import { findName } from '../../src/cli/site-environment.ts';
import { Examiner } from '../../src/template/examine.ts';
import { runs, sized } from '../support/long.ts';
import { renderPage } from '../support/render.ts';
import { cli, root } from './support.ts';

const PLANTED = 'test/cli/planted';

interface Found {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly rule: string;
  readonly message: string;
}

const shown = ({ file, line, rule }: Found) => `${file}:${line} ${rule}`;

/** What the comments in the planted templates say, each in the line of its fault. */
function planted(): readonly string[] {
  return readdirSync(root + PLANTED, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.njk'))
    .flatMap((name) =>
      readFileSync(`${root}${PLANTED}/${name}`, 'utf8')
        .split('\n')
        .flatMap((text, i) =>
          [...text.matchAll(/fault: ([\w-]+)/g)].map(([, rule]) => `${PLANTED}/${name}:${i + 1} ${rule}`),
        ),
    );
}

async function lintJson(...argv: readonly string[]): Promise<{ readonly code: number; readonly findings: Found[] }> {
  const { code, out, err } = await cli(['lint', ...argv, '--json']);
  expect(err).toBe('');
  return { code, findings: JSON.parse(out).findings };
}

/** Lints a template whose source is given. */
async function lintSource(source: string, others: Readonly<Record<string, string>> = {}) {
  const { env, reports } = environment({ ...others, page: source });
  const site = { env: env as never, examiner: new Examiner(env), isOwn: true };
  return { env, reports, findings: lintTemplate(await site.examiner.template('page'), site) };
}

function environment(sources: Readonly<Record<string, string>>, ...others: object[]) {
  const reports: FragmentReport[] = [];
  const loader = {
    getSource: (name: string) => (name in sources ? { src: sources[name], path: name, noCache: true } : null),
  };
  const sweeper = new CacheSweeper({ onRender: ({ fragments }) => reports.push(...fragments) });
  return { env: sweeper.install(new nunjucks.Environment([loader, ...others] as never)), reports };
}

describe('lint', () => {
  let known: ReturnType<typeof lintJson> | undefined;
  const lintPlanted = () => {
    known ??= lintJson(PLANTED, '--config', `${PLANTED}/site.mjs`);
    return known;
  };

  test('finds every planted fault in its line, and nothing else', async () => {
    const { code, findings } = await lintPlanted();
    expect(planted().length).toBeGreaterThan(25);
    expect(findings.map(shown).sort()).toEqual([...planted()].sort());
    expect(code).toBe(1);
  });

  test('each finding says what to do, and where in the line it is', async () => {
    const { findings } = await lintPlanted();
    for (const { file, line, column, message, rule } of findings) {
      const text = readFileSync(root + file, 'utf8').split('\n')[line - 1] ?? '';
      expect(column).toBeLessThanOrEqual(text.length + 1);
      expect(message, file).not.toContain('\n');
      if (rule !== 'syntax') expect(message, file).toMatch(/[:;,] |instead/);
    }
    const leak = findings.find(({ file, line }) => file.endsWith('private-names.njk') && line === 2);
    expect(leak).toMatchObject({ column: 19, rule: 'CACHESWEEPER_PRIVATE_NAME' });
    expect(leak?.message).toContain('add user.id or user.name to the arguments');
  });

  test('says nothing of filters, tests and globals where it does not know the site’s', async () => {
    const { findings } = await lintJson(PLANTED);
    const expected = planted().filter((fault) => !/unknown-|unseen-global/.test(fault));
    expect(findings.map(shown).sort()).toEqual([...expected].sort());
  });

  test('finds nothing in the demo, with its environment and without', async () => {
    for (const argv of [[], ['--config', 'test/cli/demo-site.ts']]) {
      const { code, findings } = await lintJson('templates', ...argv);
      expect(findings).toEqual([]);
      expect(code).toBe(0);
    }
  });

  test('looks at each file of folders that have files of one name, and at those alone that the environment finds', async () => {
    const folders = ['test/cli/folders/first', 'test/cli/folders/second'];
    const { findings } = await lintJson(...folders, 'test/cli/folders/first/inner');
    expect(findings.map(shown)).toEqual([
      'test/cli/folders/first/inner/page.njk:1 CACHESWEEPER_PRIVATE_NAME',
      'test/cli/folders/first/page.njk:2 CACHESWEEPER_PRIVATE_NAME',
      'test/cli/folders/second/page.njk:3 CACHESWEEPER_PRIVATE_NAME',
    ]);
    const { findings: found } = await lintJson(...folders, '--config', 'test/cli/folders/site.mjs');
    expect(found.map(shown)).toEqual(findings.slice(0, 2).map(shown));
  });

  describe('with links', () => {
    const fault = '{% cachesweeper article 500 %}{{ user.name }}{% endcachesweeper %}';
    let folder: string;
    beforeAll(() => {
      folder = realpathSync(mkdtempSync(join(tmpdir(), 'cachesweeper-lint-')));
      for (const name of ['shared', 'site/pages']) mkdirSync(join(folder, name), { recursive: true });
      for (const name of ['shared/part.njk', 'site/pages/page.njk']) writeFileSync(join(folder, name), fault);
      for (const [name, target] of [
        ['site/linked', '../shared'],
        ['site/again', '../shared'],
        ['site/pages/circle', '..'],
        ['site/file.njk', '../shared/part.njk'],
        ['site/dangling.njk', 'nowhere.njk'],
        ['site/itself.njk', 'itself.njk'],
        ['link', 'site'],
      ] as const)
        symlinkSync(target, join(folder, name));
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    test('finds what is behind them, each folder once', async () => {
      const { findings } = await lintJson(join(folder, 'site'));
      const names = findings.map(({ file }) => relative(join(folder, 'site'), join(root, file)));
      expect(names).toEqual(['again/part.njk', 'file.njk', 'pages/page.njk']);
    });

    test.each([
      ['link', 'site'],
      ['site', 'link'],
    ])('knows the names of the templates of an environment in %s by their paths in %s', (looked, linted) => {
      const env = new nunjucks.Environment(new nunjucks.FileSystemLoader(join(folder, looked)));
      const site = { env } as unknown as Parameters<typeof findName>[1];
      expect(findName(join(folder, linted, 'pages/page.njk'), site)).toBe('pages/page.njk');
      expect(findName(join(folder, 'shared/part.njk'), site)).toBeUndefined();
    });
  });

  test('counts a folder once that is named twice', async () => {
    const { findings } = await lintJson('test/cli/folders/second', 'test/cli/folders/second/');
    expect(findings.map(shown)).toEqual(['test/cli/folders/second/page.njk:3 CACHESWEEPER_PRIVATE_NAME']);
  });

  test('finds the templates of a loader whose paths are no files', async () => {
    const { findings } = await lintJson('test/cli/folders/first', '--config', 'test/cli/configs/named-paths.mjs');
    expect(findings.map(shown)).toContain('test/cli/folders/first/page.njk:2 CACHESWEEPER_PRIVATE_NAME');
  });

  test('finds nothing in govuk-frontend, which has no fragments', async () => {
    const { code, out } = await cli(['lint', 'node_modules/govuk-frontend/dist', '--ext', 'njk']);
    expect(out).toMatch(/^nothing found in \d\d+ templates\n$/);
    expect(code).toBe(0);
  });

  test('finds nothing in a fragment around each component of govuk-frontend, all of which can be cached', async () => {
    const folder = `${root}node_modules/govuk-frontend/dist`;
    const components = readdirSync(`${folder}/govuk/components`, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
    expect(components.length).toBeGreaterThan(20);
    const sources = Object.fromEntries(
      components.map((name) => [
        name,
        `{% cachesweeper "Page" 500 %}{% include "govuk/components/${name}/template.njk" %}{% endcachesweeper %}`,
      ]),
    );
    const { env } = environment(sources, new nunjucks.FileSystemLoader(folder));
    const site = { env: env as never, examiner: new Examiner(env), isOwn: true };
    for (const name of components) expect(lintTemplate(await site.examiner.template(name), site), name).toEqual([]);
  });
});

/** Parts of a body. What refuses some of them is what is around and beside them, too. */
const PARTS = [
  'text ',
  '{{ article.title }}',
  '{{ user.name }}',
  '{{ session.id }}',
  '{{ rows.push(1) }}',
  '{% set own = [] %}{{ own.push(1) }}',
  '{% block a %}b{% endblock %}',
  '{{ caller() }}',
  '{% asyncEach row in rows %}{{ row }}{% endeach %}',
  '{% uncached %}{{ user.name }}{% enduncached %}',
  '{% for row in rows %}{% uncached %}{{ row }}{% enduncached %}{% endfor %}',
  '{% uncached %}{{ super() }}{% enduncached %}',
  '{% include "leak" %}',
  '{% include "missing" ignore missing %}',
  '{% macro m(x) %}{{ x }}{{ csrf }}{% endmacro %}{{ m(1) }}',
  '{% extends "layout" %}',
  '{% cachesweeper "Inner" 500 %}{{ account }}{% endcachesweeper %}',
  '{% cachesweeper "Inner" %}{% endcachesweeper %}',
  '{{ a b }}',
];
const ARGUMENTS = ['', ' user.id', ' when=user', ' except="user"', ' except=now', ' except=["now", "row.time"]'];

describe('what lint finds and what the compiler says', () => {
  const source = fc
    .tuple(
      fc.constantFrom('', '{% macro w() %}', '{% block b %}'),
      fc.constantFrom(...ARGUMENTS),
      fc.array(fc.constantFrom(...PARTS), { maxLength: 4 }),
      fc.constantFrom('', '{{ m(2) }}'),
    )
    .map(([around, args, parts, behind]) => {
      const end = around === '' ? '' : around.includes('macro') ? '{% endmacro %}' : '{% endblock %}';
      return `${around}{% cachesweeper article 500${args} %}\n${parts.join('\n')}{% endcachesweeper %}${behind}${end}`;
    });

  test(
    'are the same: a template is refused exactly if there is a finding, of which the error is one',
    async () => {
      const others = { leak: '{{ crumb }}', layout: '{% block a %}{% endblock %}' };
      await fc.assert(
        fc.asyncProperty(source, async (text) => {
          const { findings } = await lintSource(text, others);
          const faults = findings.filter(({ rule }) => rule === 'syntax' || rule.startsWith('CACHESWEEPER_'));
          const { env } = environment({ ...others, page: text });
          let refused: Error | undefined;
          try {
            env.getTemplate('page', true);
          } catch (error) {
            refused = error as Error;
          }
          expect(faults.length > 0).toBe(refused !== undefined);
          if (refused === undefined) return;
          const matching = faults.filter(
            ({ message, at }) =>
              refused?.message.endsWith(message) &&
              (at.column === 1 || refused.message.includes(`[Line ${at.line}, Column ${at.column}]`)),
          );
          expect(matching, refused.message).not.toEqual([]);
          if (refused instanceof CacheSweeperError) expect(matching[0]?.rule).toBe(refused.code);
        }),
        runs(30, 20_000, 1_500),
      );
    },
    sized(20_000, 900_000, 120_000),
  );
});

describe('what lint says of fragments that are never stored', () => {
  const fields = (count: number) => Array.from({ length: count }, (_, i) => `{{ page.f${i} }}`).join('');
  const page = Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`f${i}`, i]));

  test.each([
    ['hole-lost', '{% set box %}a{% uncached %}b{% enduncached %}{% endset %}{{ box | length }}', 'hole lost'],
    ['hole-lost', '{% filter upper %}a{% uncached %}b{% enduncached %}{{ page.f1 }}{% endfilter %}', 'hole lost'],
    ['reads-too-much', fields(65), 'reads too much'],
  ])('%s is the reason of the report', async (rule, body, reason) => {
    const { env, reports, findings } = await lintSource(`{% cachesweeper "Page" 500 %}${body}{% endcachesweeper %}`);
    expect(findings.map((finding) => finding.rule)).toEqual([rule]);
    await renderPage(env, 'page', { page });
    await renderPage(env, 'page', { page });
    expect(reports.at(-1)).toMatchObject({ outcome: 'uncached', reason });
  });

  class Instance {
    readonly locale = 'en';
    t(key: string) {
      return key + this.locale;
    }
  }
  class Hiding {
    readonly #locale = 'en';
    t(key: string) {
      return key + this.#locale;
    }
  }
  const t = (key: string) => key;
  const GLOBALS: Readonly<Record<string, readonly [global: object, use: string]>> = {
    'an instance': [new Instance(), 'g.t("a")'],
    'private fields': [new Hiding(), 'g.t("a")'],
    'Intl.NumberFormat': [new Intl.NumberFormat('en'), 'g.format(5)'],
    'a formatter beside the function': [{ t, number: new Intl.NumberFormat('en') }, 'g.t("a")'],
    'a function below': [{ inner: { t }, number: new Intl.NumberFormat('en') }, 'g.inner.t("a")'],
    'a proxy': [new Proxy({ t }, {}), 'g.t("a")'],
    'a bound function': [{ t: t.bind({}) }, 'g.t("a")'],
    'a getter': [Object.defineProperty({}, 't', { get: () => t, enumerable: true }), 'g.t("a")'],
    'a Map': [new Map([['a', 1]]), 'g.get("a")'],
    'a date': [new Date(0), 'g.getTime()'],
    'much data': [{ t, all: Array.from({ length: 5_000 }, (_, i) => ({ i })) }, 'g.t("a")'],
    'a promise beside the function': [{ t, ready: Promise.resolve() }, 'g.t("a")'],
  };
  test.each(Object.entries(GLOBALS))(
    'a global with %s is found exactly if it cannot be compared',
    async (_name, [global, use]) => {
      const { env, reports } = environment({ page: `{% cachesweeper "Page" 500 %}{{ ${use} }}{% endcachesweeper %}` });
      env.addGlobal('g', global);
      const site = { env: env as never, examiner: new Examiner(env), isOwn: true };
      const findings = lintTemplate(await site.examiner.template('page'), site);
      for (let i = 0; i < 4; i++) await renderPage(env, 'page', {});
      const isStored = reports.at(-1)?.outcome === 'hit';
      expect(findings.map(({ rule }) => rule)).toEqual(isStored ? [] : ['unseen-global']);
    },
  );

  test.each([
    ['as many paths as are compared', `${fields(64)}{{ page.f1 }}{{ page }}`],
    [
      'more of them in a condition',
      `{% if page.f1 %}${fields(64)}{% else %}${fields(70)}{% endif %}{{ page.f1 if page.f2 else page.f3 }}`,
    ],
  ])('nothing is said of %s', async (_what, body) => {
    const { findings } = await lintSource(`{% cachesweeper "Page" 500 %}${body}{% endcachesweeper %}`);
    expect(findings).toEqual([]);
  });

  test('nothing is said of a hole beside what is captured', async () => {
    const source =
      '{% cachesweeper "Page" 500 %}{% set box %}{{ page.f1 }}{% endset %}{{ box }}{% uncached %}b{% enduncached %}{% endcachesweeper %}';
    const { env, reports, findings } = await lintSource(source);
    expect(findings).toEqual([]);
    await renderPage(env, 'page', { page });
    await renderPage(env, 'page', { page });
    expect(reports.at(-1)).toMatchObject({ outcome: 'hit' });
  });
});
