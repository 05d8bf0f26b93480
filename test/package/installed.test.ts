import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isDeep } from '../support/long.ts';
import { entryPoints, manifest, pack, root, run } from './packed.ts';

const LICENCES = ['MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0', 'BlueOak-1.0.0'];

interface Sbom {
  readonly components: {
    readonly name: string;
    readonly licenses?: { readonly license: { readonly id?: string } }[];
  }[];
  readonly dependencies: { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

/** A folder outside of this project, with the tarball and what it needs: no optional peer. */
let folder = '';

beforeAll(async () => {
  if (!isDeep) return;
  folder = mkdtempSync(join(tmpdir(), 'cachesweeper-installed-'));
  writeFileSync(
    join(folder, 'package.json'),
    '{ "name": "user", "version": "1.0.0", "private": true, "type": "module" }',
  );
  const { file } = await pack();
  const args = ['install', file, '--prefer-offline', '--no-audit', '--no-fund'];
  await run('npm', args, { cwd: folder });
  // Whoever writes TypeScript for Node has its types.
  for (const name of ['@types/node', 'undici-types']) {
    mkdirSync(dirname(join(folder, 'types', name)), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), join(folder, 'types', name));
  }
}, 180_000);
afterAll(() => (folder === '' ? undefined : rmSync(folder, { recursive: true, force: true })));

async function node(name: string, source: string): Promise<string> {
  writeFileSync(join(folder, name), source);
  const { stdout } = await run(process.execPath, [name], { cwd: folder });
  return stdout;
}

type Loaded = readonly string[] | string;

/** Loads entry points, each by the source that is made of its name, and returns what it exports or why it cannot be loaded. */
async function load(file: string, names: readonly string[], how: (name: string) => string): Promise<Loaded[]> {
  const sources = names.map(
    (name) => `
  try {
    const exported = ${how(name)};
    console.log(JSON.stringify(Object.keys(exported).filter((name) => !['__esModule', 'default', 'module.exports'].includes(name)).sort()));
  } catch (error) { console.log(JSON.stringify(error.message)); }`,
  );
  const lines = (await node(file, sources.join('\n'))).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line));
}

/** Entry points that one process loads: every day all, in CI each has a process of its own. */
const loadedTogether = isDeep ? entryPoints.map((name) => [name]) : [entryPoints];

// Every day a project with Jest tries the packed package (projects.test.ts).
describe.skipIf(!isDeep)('installed into an empty folder', () => {
  test.each(loadedTogether.map((names) => [names.join(', '), names] as const))(
    '%s: loaded by import and by require, or it is said what to install',
    async (_names, names) => {
      const imported = await load('load.mjs', names, (name) => `await import('${name}')`);
      const required = await load('load.cjs', names, (name) => `require('${name}')`);
      expect(required).toEqual(imported);
      expect(imported).toHaveLength(names.length);
      for (const one of imported) {
        if (typeof one === 'string') expect(one).toMatch(/npm install \S+/);
        else expect(one.length).toBeGreaterThan(0);
      }
    },
  );

  test('an application that says import here and require there has one copy of everything', async () => {
    const source = `
      import { createRequire } from 'node:module';
      const require = createRequire(import.meta.url);
      const names = [];
      for (const entry of ${JSON.stringify(entryPoints)}) {
        const required = require(entry);
        for (const [name, value] of Object.entries(await import(entry))) {
          if (['default', 'module.exports'].includes(name)) continue;
          if (value !== required[name]) throw new Error(entry + ' has two of ' + name);
          names.push(name);
        }
      }
      console.log(JSON.stringify(names));`;
    const names: string[] = JSON.parse(await node('same.mjs', source));
    for (const name of ['CacheSweeper', 'CacheSweeperError', 'lazy', 'MemcachedStore', 'cacheView', 'sweepOnSave']) {
      expect(names).toContain(name);
    }
    expect(names.filter((name) => name === 'sweepOnSave')).toHaveLength(4);
  });

  test('what is required and what is imported work on one state', async () => {
    const source = `
      import { createRequire } from 'node:module';
      import nunjucks from 'nunjucks';
      import { CacheSweeperError, lazy } from 'nunjucks-cachesweeper';
      import { cacheView } from 'nunjucks-cachesweeper/express';
      const { CacheSweeper } = createRequire(import.meta.url)('nunjucks-cachesweeper');
      const sweeper = new CacheSweeper();
      const env = sweeper.install(new nunjucks.Environment(null));
      let isOne = false;
      try { new CacheSweeper({ maxDataAge: 3 }); } catch (error) { isOne = error instanceof CacheSweeperError; }
      const html = await new Promise((resolve, reject) => env.renderString(
        '{% cachesweeper "Comment" 500 %}{{ load() }}{% endcachesweeper %}',
        { load: lazy(async () => 'loaded') },
        (error, html) => (error ? reject(error) : resolve(html)),
      ));
      console.log(JSON.stringify([isOne, html, typeof cacheView({ sweeper, ttl: 300, name: 'view' })]));`;
    expect(JSON.parse(await node('state.mjs', source))).toEqual([true, 'loaded', 'function']);
  });

  const page = `
    const env = new CacheSweeper().install(new nunjucks.Environment(null));
    env.addGlobal('count', (() => { let n = 0; return () => ++n; })());
    const source = '{% cachesweeper "Comment" 500 %}{{ count() }}{% endcachesweeper %}';
    const template = nunjucks.compile(source, env);
    setTimeout(() => {}, 0);
    console.log(template.render() + template.render());`;

  test('a page is cached, with import and with require', async () => {
    const now = 'now: ((time) => () => (time += 60_000))(0)';
    const cached = page.replace('new CacheSweeper()', `new CacheSweeper({ ${now} })`);
    const esm = "import nunjucks from 'nunjucks'; import { CacheSweeper } from 'nunjucks-cachesweeper';";
    const cjs = "const nunjucks = require('nunjucks'); const { CacheSweeper } = require('nunjucks-cachesweeper');";
    expect(await node('page.mjs', esm + cached)).toBe('11\n');
    expect(await node('page.cjs', cjs + cached)).toBe('11\n');
  });

  test('the command runs there: it finds what is wrong in templates, and ends with what it should', async () => {
    mkdirSync(join(folder, 'templates'), { recursive: true });
    const template = join(folder, 'templates', 'page.njk');
    const npx = () => run('npx', ['--no-install', 'nunjucks-cachesweeper', 'lint', 'templates'], { cwd: folder });
    writeFileSync(template, '{% cachesweeper comment 500 %}{{ comment.text }}{% endcachesweeper %}');
    expect((await npx()).stdout).toBe('nothing found in 1 template\n');
    writeFileSync(template, '{% cachesweeper comment 500 %}{{ user.name }}{% endcachesweeper %}');
    await expect(npx()).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringContaining('templates/page.njk:1:38  CACHESWEEPER_PRIVATE_NAME'),
    });
    await expect(run('npx', ['--no-install', 'nunjucks-cachesweeper', 'lint'], { cwd: folder })).rejects.toMatchObject({
      code: 2,
    });
  });

  test('the store contract runs there', async () => {
    const source = `
      import { storeContract, TestingStore } from 'nunjucks-cachesweeper/testing';
      const server = new TestingStore();
      const cases = storeContract({ create: () => new TestingStore({ shared: server }) });
      for (const { run } of cases) await run();
      console.log(cases.length > 10);`;
    expect(await node('contract.mjs', source)).toBe('true\n');
  });

  test.each([
    ['nodenext', 'ts', 'es2023'],
    ['nodenext', 'cts', 'es2023'],
    ['bundler', 'ts', 'es2023'],
  ])('every entry point type-checks, module resolution %s in a .%s file', async (resolution, extension, target) => {
    const project = join(folder, `${resolution}-${extension}`);
    mkdirSync(project, { recursive: true });
    const imports = entryPoints.map((name, i) =>
      extension === 'cts' ? `import m${i} = require('${name}');` : `import * as m${i} from '${name}';`,
    );
    const uses = entryPoints.map((_name, i) => `export const used${i}: object = m${i};`);
    const example = `
      export const sweeper = new m0.CacheSweeper({ namespace: 'shop', onRender: ({ template }) => template.length });
      export const saved: Promise<void> = sweeper.invalidateCacheFor({ type: 'Comment', id: 7 });
      export const load: () => unknown = m0.lazy(() => Promise.resolve([1]));
      // @ts-expect-error durations have a unit
      new m0.CacheSweeper({ maxDataAge: 3 });`;
    writeFileSync(join(project, `use.${extension}`), [...imports, ...uses, example].join('\n'));
    const compilerOptions = {
      target,
      lib: [target],
      module: resolution === 'bundler' ? 'esnext' : 'nodenext',
      moduleResolution: resolution,
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      types: ['node'],
      typeRoots: ['../types/@types'],
    };
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['.'] }));
    const { stdout } = await run(process.execPath, [`${root}node_modules/typescript/bin/tsc`, '-p', project]).catch(
      (error) => error,
    );
    expect(stdout).toBe('');
  });

  test('nothing came along but the dependencies and Nunjucks, under licences that ask for no more than mention', async () => {
    const { stdout } = await run('npm', ['sbom', '--sbom-format=cyclonedx'], { cwd: folder });
    const { components, dependencies } = JSON.parse(stdout) as Sbom;
    const [own] = dependencies.filter(({ ref }) => ref.startsWith(`${manifest.name}@`));
    const names = (own?.dependsOn ?? []).map((ref) => ref.slice(0, ref.lastIndexOf('@')));
    expect(names.sort()).toEqual([...Object.keys(manifest.dependencies), 'nunjucks'].sort());
    for (const { name, licenses = [] } of components) {
      const known = licenses.filter(({ license }) => LICENCES.includes(license.id ?? ''));
      expect(known, `the licence of ${name}: ${JSON.stringify(licenses)}`).toHaveLength(1);
    }
  });
});
