import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import { headingAnchor } from '../../scripts/site/heading-anchor.ts';
import { manifest } from '../package/packed.ts';
import { ObjectLoader } from '../support/loaders.ts';
import { blocksOf, pages, readPage } from './code-blocks.ts';
import { codeModules } from './code-modules.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const LANGUAGES = ['ts', 'js', 'njk', 'sh', 'text'];
const all = pages.flatMap(blocksOf);
const inLanguage = (name: string) =>
  all.filter(({ language }) => language === name).map(({ page, line, code }) => ({ place: `${page}:${line}`, code }));

test('every block of the docs says its language, and one that is checked', () => {
  for (const { page, line, language } of all) expect(LANGUAGES, `${page}:${line}`).toContain(language);
  expect(all.length).toBeGreaterThan(40);
});

test('TypeScript and JavaScript of the docs type-check, section by section', { timeout: 60_000 }, async () => {
  const folder = `${root}build/docs-check`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const modules = codeModules();
  for (const { file, code } of modules) writeFileSync(`${folder}/${file}`, code);
  // The modules of docs/stores.md import each other.
  const store = inLanguage('ts').find(({ code }) => code.includes('class MapStore'));
  writeFileSync(`${folder}/map-store.ts`, store?.code ?? '');
  const shared = { noEmit: true, rootDir: '../..', allowImportingTsExtensions: true, noUnusedLocals: false };
  const project = (name: string, compilerOptions: object, include: string[]) =>
    writeFileSync(
      `${folder}/${name}.json`,
      JSON.stringify({
        extends: '../../tsconfig.base.json',
        compilerOptions: { ...shared, noUnusedParameters: false, ...compilerOptions },
        include: [...include, '../../test/docs/ambient.d.ts'],
      }),
    );
  project('typescript', {}, ['*.ts']);
  const javascript = { allowJs: true, checkJs: true, strict: false, exactOptionalPropertyTypes: false };
  project('javascript', javascript, ['*.js', '*.cjs']);
  const tsc = `${root}node_modules/typescript/bin/tsc`;
  const errors = await Promise.all(
    ['typescript', 'javascript'].map((name) =>
      promisify(execFile)(process.execPath, [tsc, '-p', `${folder}/${name}.json`]).then(
        ({ stdout }) => stdout,
        ({ stdout }: { stdout: string }) => stdout,
      ),
    ),
  );
  const places = modules.map(
    ({ file, blocks }) => `${file}: ${blocks.map(({ page, line }) => `${page}:${line}`).join(' ')}`,
  );
  const named = places.filter((place) => errors.join('').includes(place.slice(0, place.indexOf(':'))));
  expect([...errors.join('').split('\n').filter(Boolean), ...named]).toEqual([]);
});

describe('templates of the docs compile with the tag', () => {
  test.each(inLanguage('njk'))('$place', ({ code }) => {
    const env = new nunjucks.Environment(new ObjectLoader({ 'page.njk': code }) as nunjucks.ILoader);
    new CacheSweeper().install(env);
    expect(() => env.getTemplate('page.njk', true)).not.toThrow();
  });
});

describe('commands of the docs', () => {
  const known = /^(install|ci|publish|version|pack|test|start|audit|ls)$/;
  test.each(inLanguage('sh'))('$place name scripts, tools and files that exist', ({ code }) => {
    const commands = code.replaceAll(/\s+#.*$/gm, '').split(/\n|&&/);
    for (const command of commands.map((each) => each.trim()).filter(Boolean)) {
      const [tool, first, second] = command.split(/\s+/);
      expect(['npm', 'npx', 'git', 'node'], command).toContain(tool);
      if (tool === 'npm' && first === 'run') expect(Object.keys(manifest.scripts), command).toContain(second);
      else if (tool === 'npm') expect(first, command).toMatch(known);
      if (tool === 'npm' && (first === 'test' || first === 'start'))
        expect(Object.keys(manifest.scripts)).toContain(first);
      const isOwn = Object.hasOwn(manifest.bin, first ?? '');
      if (tool === 'npx' && !isOwn) expect(existsSync(`${root}node_modules/.bin/${first}`), command).toBe(true);
      for (const file of command.match(/\S+\/\S+\.\w+/g) ?? []) expect(existsSync(root + file), file).toBe(true);
    }
  });
});

describe('links of the docs', () => {
  const anchors = (page: string) =>
    Array.from(readPage(page).matchAll(/^#+ (.+)$/gm), ([, heading]) => headingAnchor(heading as string));

  test.each(pages)('of %s lead to pages and headings that exist', (page) => {
    const text = readPage(page).replaceAll(/^```[\s\S]*?^```$/gm, '');
    for (const [, target] of text.matchAll(/\]\(([^)]+)\)/g)) {
      if (/^https?:/.test(target as string)) continue;
      const [path, heading] = (target as string).split('#');
      const file = path === '' ? page : new URL(path as string, `file:///${page}`).pathname.slice(1);
      expect(existsSync(root + file), `${page} links to ${target}`).toBe(true);
      if (heading !== undefined) expect(anchors(file), `${page} links to ${target}`).toContain(heading);
    }
  });
});
