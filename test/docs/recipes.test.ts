import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import express from 'express';
import nunjucks from 'nunjucks';
import * as cachesweeper from 'nunjucks-cachesweeper';
import { CacheSweeper, type CacheSweeperOptions, lazy } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { expect, test } from 'vitest';
import { ObjectLoader, type Templates } from '../support/loaders.ts';
import { renderPage } from '../support/render.ts';
import { blocksOf, codeBlocks, readPage } from './code-blocks.ts';

/** The blocks of a recipe. */
const recipe = (name: string, language: string) =>
  blocksOf('docs/recipes.md')
    .filter((block) => block.section === name && block.language === language)
    .map(({ code }) => code);

function site(templates: Templates, options: CacheSweeperOptions = {}) {
  const sweeper = new CacheSweeper(options);
  const env = sweeper.install(new nunjucks.Environment(new ObjectLoader(templates) as nunjucks.ILoader));
  let runs = 0;
  env.addGlobal('count', () => ++runs);
  return { sweeper, env, runs: () => runs };
}

/** The options in a line of a recipe: `new CacheSweeper({ … })`. */
function optionsIn(code: string): CacheSweeperOptions {
  const [, text] = /new CacheSweeper\((\{.*\})\)/.exec(code) ?? [];
  return new Function(`return (${text})`)();
}

test('monitoring: the subscribers of the recipe count the fragments of every render', async () => {
  const folder = new URL('../../build/docs/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  const file = new URL('monitoring.ts', folder);
  writeFileSync(file, `${recipe('Monitoring', 'ts')[0]}\nexport { fragments };\n`);
  const { fragments } = (await import(file.pathname)) as { fragments: Map<string, number> };
  const { env } = site({ 'monitored.njk': '{% cachesweeper "T" 500 when=on %}x{% endcachesweeper %}' });
  for (const on of [true, true, true, false]) await renderPage(env, 'monitored.njk', { on });
  expect(Object.fromEntries([...fragments].filter(([labels]) => labels.includes('monitored.njk')))).toEqual({
    'template="monitored.njk",outcome="miss"': 1,
    'template="monitored.njk",outcome="hit"': 2,
    'template="monitored.njk",outcome="when"': 1,
  });
});

test.each([
  ['an ES module', 'mjs', (text: string) => text],
  // As the recipe says for `require`.
  ['CommonJS', 'cjs', (text: string) => text.replace('export default', 'module.exports =')],
])('precompiled templates: the script makes %s of all folders, whose fragments are cached', (_kind, end, changed) => {
  const folder = new URL(`../../build/docs/precompiled-${end}/`, import.meta.url);
  rmSync(folder, { recursive: true, force: true });
  const [script] = recipe('Precompiled templates', 'js');
  const [made, imported] = Array.from(
    readPage('docs/recipes.md').matchAll(/`(new nunj[^`]*templates\)\)|import templates [^`]*)`/g),
    ([, code]) => code as string,
  );
  const site = `
    ${end === 'mjs' ? imported : "const templates = require('./templates.cjs');"}
    const env = new CacheSweeper().install(${made});
    subscribe('nunjucks-cachesweeper:render', ({ fragments: [{ outcome, reason }] }) => console.log(reason ?? outcome));
    for (let i = 0; i < 2; i++) console.log(env.render('pages/page.njk', { title: 'T' }));
    try { env.render('pages/relative.njk'); } catch (error) { console.log(error.message.includes('template not found')); }`;
  const names = ['{ subscribe }', 'nunjucks', '{ CacheSweeper }'];
  const modules = ['node:diagnostics_channel', 'nunjucks', 'nunjucks-cachesweeper'];
  const loaded = modules.map((from, i) =>
    end === 'mjs' ? `import ${names[i]} from '${from}';` : `const ${names[i]} = require('${from}');`,
  );
  const files = {
    'views/layouts/base.njk': '<main>{% block content %}{% endblock %}</main>',
    'views/pages/page.njk':
      '{% extends "layouts/base.njk" %}{% block content %}{% cachesweeper "T" 500 %}{% include "pages/part.njk" %}{% include "card.njk" %}{% endcachesweeper %}{% endblock %}',
    'views/pages/part.njk': '{{ title }}',
    'views/pages/relative.njk': '{% include "./part.njk" %}',
    'views/card.njk': ' of the first folder',
    'components/card.njk': ' of the second folder',
    'precompile.mjs': changed((script as string).replaceAll('templates.mjs', `templates.${end}`)),
    [`site.${end}`]: loaded.join('\n') + site,
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(new URL('.', new URL(name, folder)), { recursive: true });
    writeFileSync(new URL(name, folder), text);
  }
  const run = (file: string) => execFileSync(process.execPath, [file], { cwd: folder, encoding: 'utf8' });
  run('precompile.mjs');
  const page = '<main>T of the first folder</main>';
  expect(run(`site.${end}`).trim().split('\n')).toEqual(['miss', page, 'hit', page, 'true']);
});

test('languages: each has its own fragments', async () => {
  const options = optionsIn(recipe('Languages', 'ts')[1] as string);
  const { env, runs } = site(
    { 'page.njk': '{% cachesweeper "T" 500 %}{{ locale }}{{ count() }}{% endcachesweeper %}' },
    options,
  );
  const html = [];
  for (const locale of ['de', 'en', 'de']) html.push(await renderPage(env, 'page.njk', { locale, theme: 'light' }));
  expect(html).toEqual(['de1', 'en2', 'de1']);
  expect(runs()).toBe(2);
});

test('languages: a filter that looks up the language is compared by it', async () => {
  const [template] = recipe('Languages', 'njk');
  const { env, runs } = site({ 'page.njk': (template as string).replace('<p>', '{{ count() }}<p>') });
  const code = (recipe('Languages', 'ts')[0] as string).replaceAll(
    /: Record<.*?>>|: \{ lookup.*?unknown \}|: string/g,
    '',
  );
  new Function('env', code.replace('this, key', 'key'))(env);
  const html = [];
  for (const locale of ['de', 'en', 'de']) html.push((await renderPage(env, 'page.njk', { locale })).trim());
  expect(html).toEqual(['1<p>Hallo</p>', '2<p>Hello</p>', '1<p>Hallo</p>']);
  expect(runs()).toBe(2);
});

test('languages: a t that is made for each request is taken out, and vary says what it depends on', async () => {
  const [, template] = recipe('Languages', 'njk');
  const options = optionsIn(recipe('Languages', 'ts')[1] as string);
  const { env, runs } = site({ 'page.njk': (template as string).replace('<p>', '{{ count() }}<p>') }, options);
  const html = [];
  for (const locale of ['de', 'en', 'de']) {
    html.push((await renderPage(env, 'page.njk', { locale, t: () => `in ${locale}` })).trim());
  }
  expect(html).toEqual(['1<p>in de</p>', '2<p>in en</p>', '1<p>in de</p>']);
  expect(runs()).toBe(2);
});

test('warming: the lines of the recipe fill the cache before the server listens, and once more for new tokens', async () => {
  const [first, second] = recipe('Warm before a deploy', 'ts');
  const store = new TestingStore();
  const { sweeper, env, runs } = site(
    { 'article.njk': '{% cachesweeper article 500 %}{{ article.title }}{{ count() }}{% endcachesweeper %}' },
    { store, timeout: '10s' },
  );
  const articles = [1, 2, 3].map((id) => ({ id, title: `t${id}`, cacheIdentity: { type: 'Article', id } }));
  const done: string[] = [];
  const AsyncFunction = (async () => {}).constructor as FunctionConstructor;
  const code = [first, (second as string).replace(/^import.*$/m, '')].join('\n');
  await new AsyncFunction('sweeper', 'env', 'articles', 'Article', 'console', 'server', 'setTimeout', code)(
    sweeper,
    env,
    articles,
    { findByPk: async (id: number) => articles.find((article) => article.id === id) },
    { log: (line: string) => done.push(line), error: (...all: unknown[]) => done.push(String(all)) },
    { listen: () => done.push(`listens, ${runs()} bodies`) },
    async (milliseconds: number) => done.push(`${milliseconds} ms later`),
  );
  expect(done).toEqual([...[1, 2, 3].map((n) => `${n} of 3: article.njk`), 'listens, 3 bodies', '4000 ms later']);
  expect(await sweeper.render(env, 'article.njk', { article: articles[1] })).toMatch(/^t2[123]$/);
  expect(runs()).toBe(3);
});

test('preview: what editors see is neither taken from the cache nor put into it', async () => {
  const options = optionsIn(recipe('Preview for editors', 'ts')[0] as string);
  const { env } = site({ 'page.njk': '{% cachesweeper "T" 500 %}{{ count() }}{% endcachesweeper %}' }, options);
  const html = [];
  for (const preview of [true, false, true, false]) html.push(await renderPage(env, 'page.njk', { preview }));
  expect(html).toEqual(['1', '2', '3', '2']);
});

test('GOV.UK Prototype Kit: the lines of the recipe cache pages, and keep form data out of shared fragments', async () => {
  const app = express();
  const templates = {
    'page.njk': recipe('GOV.UK Prototype Kit', 'njk')[0] as string,
    'wrong.njk': '{% cachesweeper "T" 500 %}{{ data.name }}{% endcachesweeper %}',
  };
  const newEnv = () =>
    new nunjucks.Environment(new ObjectLoader(templates) as nunjucks.ILoader).addGlobal(
      'checked',
      function (this: { ctx: { data: Record<string, unknown> } }, name: string, value: string) {
        return this.ctx.data[name] === value ? 'checked' : '';
      },
    );
  newEnv().express(app); // as the kit does
  const modules: Record<string, object> = {
    'govuk-prototype-kit': { requests: { setupRouter: () => app } },
    'govuk-prototype-kit/lib/nunjucks/nunjucksConfiguration': { getNunjucksAppEnv: newEnv },
    'nunjucks-cachesweeper': cachesweeper,
  };
  const require = (name: string) => modules[name];
  new Function('require', recipe('GOV.UK Prototype Kit', 'js')[0] as string)(require);
  app.get('/:name', (req, res) => res.render(`${req.params.name}.njk`, { data: req.query }));
  const server = app.listen(0);
  const { port } = server.address() as AddressInfo;
  const get = async (path: string) => (await fetch(`http://localhost:${port}/${path}`)).text();
  expect(await get('page?postcode=SW1A&drinks=tea')).toMatch(/<p>SW1A<\/p>\s*<input.* checked>/);
  expect(await get('page?postcode=N1&drinks=milk')).toMatch(/<p>N1<\/p>\s*<input.* >/);
  expect(await get('wrong?name=Ann')).toContain('this fragment uses data.name');
  server.close();
  const { getNunjucksAppEnv } = modules['govuk-prototype-kit/lib/nunjucks/nunjucksConfiguration'] as {
    getNunjucksAppEnv(): nunjucks.Environment;
  };
  expect(getNunjucksAppEnv().render('page.njk', { data: { postcode: 'E1' } })).toContain('<p>E1</p>');
});

test('migration from Rails: with an identity as the model and a lazy for the rest, a hit loads nothing', async () => {
  const { sweeper, env } = site({
    'article.njk': '{% cachesweeper model 0 %}{{ article().title }}{% endcachesweeper %}',
  });
  let loads = 0;
  const render = () =>
    sweeper.render(env, 'article.njk', {
      model: { type: 'Article', id: 7 },
      article: lazy(async () => ({ title: `loaded ${++loads} times` })),
    });
  expect([await render(), await render()]).toEqual(['loaded 1 times', 'loaded 1 times']);
  await sweeper.invalidateCacheFor({ type: 'Article', id: 7 });
  expect(await render()).toBe('loaded 2 times');
  expect(codeBlocks('docs/migration.md', 'ts').join()).toContain("model: { type: 'Article', id: 7 }");
});
