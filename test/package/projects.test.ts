import { cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { isDeep } from '../support/long.ts';
import { pack, root, run } from './packed.ts';

/** Small sites, as users lay them out: each has its own package.json, and its own test command. */
const EVERYDAY = ['jest'];
/** For CI. Every day installed.test.ts loads the package both ways. */
const OTHERS = [
  'require',
  'import',
  'typescript',
  'typescript test:all',
  'jest-esm',
  'ts-jest',
  'vitest',
  'mocha',
  'bundle',
  'nest',
];

const projects = `${root}test/package/projects/`;
let tarball = '';
beforeAll(async () => {
  tarball = (await pack()).file;
});

/** What this run tells its own tests is not meant for theirs. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_ENV|NODE_OPTIONS|TEST|DEV|PROD|MODE|SSR)/.test(name)),
);

// A copy below the other packages finds those where it looks for them, so that nothing else has to be installed.
async function testCommand(name: string, script: string): Promise<string> {
  const folder = `${projects}build/${name}`;
  rmSync(folder, { recursive: true, force: true });
  cpSync(`${projects}${name}`, folder, { recursive: true });
  const own = `${folder}/node_modules/nunjucks-cachesweeper`;
  mkdirSync(own, { recursive: true });
  await run('tar', ['-xzf', tarball, '--strip-components=1', '-C', own]);
  return run('npm', ['run', script], { cwd: folder, env }).then(
    () => 'passed',
    ({ stdout, stderr }) => `${stdout}${stderr}`,
  );
}

test('docs/frameworks.md names every kind', () => {
  const [, section = ''] = readFileSync(`${root}docs/frameworks.md`, 'utf8').split('\n## Modules, TypeScript, tests\n');
  const [table] = section.split('\n## ');
  for (const name of [
    '`require`',
    '`import`',
    'Jest',
    'TypeScript',
    '`node10`',
    'ts-jest',
    'Vitest',
    'Mocha',
    'Nest 11',
    'esbuild',
    'rollup',
    'webpack 5',
  ]) {
    expect(table).toContain(name);
  }
});

test('docs/frameworks.md has the line without which an ES module of esbuild finds no module of Node', () => {
  const bundlers = readFileSync(`${projects}bundle/bundlers.js`, 'utf8');
  const [, line] = /const REQUIRE = "(.+)";/.exec(bundlers) ?? [];
  expect(readFileSync(`${root}docs/frameworks.md`, 'utf8')).toContain(`banner: { js: "${line}" }`);
});

test.each(isDeep ? [...EVERYDAY, ...OTHERS] : EVERYDAY)(
  'a project of the kind %s passes its own tests with the packed package',
  async (kind) => {
    const [name = '', script = 'test'] = kind.split(' ');
    expect(await testCommand(name, script)).toBe('passed');
  },
  300_000,
);
