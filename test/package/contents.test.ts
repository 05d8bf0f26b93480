import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { isDeep } from '../support/long.ts';
import { entryPoints, manifest, type Packed, pack, root, run } from './packed.ts';

/** The files that the entry points name. */
function promised(): readonly string[] {
  return JSON.stringify(manifest.exports).match(/(?<="\.\/)dist\/[^"]+/g) ?? [];
}

/** Milliseconds for a program that looks at all types: it takes most of 20 seconds where others use the machine. */
const SLOW = 120_000;

let packed: Packed;
beforeAll(async () => {
  packed = await pack();
});

describe('the packed tarball', () => {
  test('holds the built modules with their types, maps and sources, the documentation, and nothing else', () => {
    const sources = readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.ts'),
    );
    const built = sources.flatMap((path) =>
      ['.js', '.js.map', '.d.ts', '.d.ts.map'].map((end) => `dist/${path.replace(/\.ts$/, end)}`),
    );
    // An ES module beside the CommonJS of each entry point, and what says that the rest is CommonJS.
    const entries = promised().filter((path) => /\.m[jt]s$/.test(path));
    const docs = readdirSync(`${root}docs`, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.includes('.'))
      .map((name) => `docs/${name}`);
    expect([...packed.paths].sort()).toEqual(
      [
        'CHANGELOG.md',
        'LICENSE',
        'README.md',
        'package.json',
        'dist/package.json',
        ...built,
        ...entries,
        ...docs,
        ...sources.map((path) => `src/${path}`),
      ].sort(),
    );
  });

  test('has all that package.json promises', () => {
    expect(promised().length).toBe(4 * entryPoints.length);
    for (const path of [
      ...promised(),
      ...Object.values(manifest.bin),
      manifest.main.slice(2),
      manifest.types.slice(2),
    ]) {
      expect(packed.paths).toContain(path);
    }
  });

  test('tells compilers that know no exports where the types of an entry point are', () => {
    const types = Object.entries(manifest.exports).map(([path, entry]) => [path.slice(2), [entry.require?.types]]);
    const others = types.filter(([path]) => path !== '' && path !== 'package.json');
    expect(manifest.typesVersions).toEqual({ '*': Object.fromEntries(others) });
    expect(manifest.exports['.']?.require).toEqual({ types: manifest.types, default: manifest.main });
  });

  test('has what docs/frameworks.md maps the entry points to, for tools that know no exports', () => {
    const docs = readFileSync(`${root}docs/frameworks.md`, 'utf8');
    const [, pattern, target] = /moduleNameMapper: \{ '(.+?)': 'nunjucks-cachesweeper\/(.+?)' \}/.exec(docs) ?? [];
    const mapped = entryPoints.filter((name) => new RegExp(pattern as string).test(name));
    expect(mapped.length).toBeGreaterThan(3);
    for (const name of mapped) {
      const path = name.replace(new RegExp(pattern as string), target as string);
      expect(`./${path}`).toBe(manifest.exports[name.replace(manifest.name, '.')]?.require?.default);
      expect(packed.paths).toContain(path);
    }
  });

  test('can be installed beside any version of what is not always needed: hooks look at versions themselves', () => {
    const optional = Object.keys(manifest.peerDependenciesMeta);
    expect(optional).toEqual(Object.keys(manifest.peerDependencies).filter((name) => name !== 'nunjucks'));
    for (const name of optional) expect(manifest.peerDependencies[name]).toBe('*');
  });

  test(
    'passes publint',
    async () => {
      const { stdout } = await run(process.execPath, [
        `${root}node_modules/publint/src/cli.js`,
        packed.file,
        '--strict',
      ]);
      expect(stdout).toContain('All good!');
    },
    SLOW,
  );

  // All are written by scripts/esm-entries.mjs: every day one of each depth, of which one has an optional peer.
  const looked = isDeep ? Object.keys(manifest.exports) : ['.', './express', './redis'];
  test(
    'passes arethetypeswrong in every kind of module and module resolution',
    async () => {
      const cli = `${root}node_modules/@arethetypeswrong/cli/dist/index.js`;
      const { stdout } = await run(process.execPath, [
        ...[cli, packed.file, '--format', 'json'],
        ...(isDeep ? [] : ['--entrypoints', ...looked]),
      ]);
      const { analysis } = JSON.parse(stdout); // it would have exited with an error for a problem
      expect(analysis.problems).toEqual([]);
      expect(analysis.types).toMatchObject({ kind: 'included' });
      expect(Object.keys(analysis.entrypoints).sort()).toEqual([...looked].sort());
    },
    SLOW,
  );
});

describe('what the package needs at run time', () => {
  const architecture = readFileSync(`${root}docs/architecture.md`, 'utf8');
  const section = architecture.split('\n## ').find((text) => text.startsWith('Dependencies')) ?? '';

  test('is named with a reason in docs/architecture.md, and nothing else is', () => {
    const rows = [...section.matchAll(/^\| (\S+) \| (.+) \|$/gm)].filter(([, name]) => !/^(package|-+)$/.test(name!));
    expect(rows.map(([, name]) => name).sort()).toEqual(Object.keys(manifest.dependencies).sort());
    for (const [, , reason] of rows) expect(reason!.length).toBeGreaterThan(20);
  });

  test('and what development needs is named there too', () => {
    const { devDependencies: ofProjects } = JSON.parse(
      readFileSync(`${root}test/package/projects/package.json`, 'utf8'),
    );
    const others = [manifest.devDependencies, manifest.peerDependencies, ofProjects].flatMap(Object.keys);
    const unnamed = others.filter((name) => !name.startsWith('@types/') && !section.toLowerCase().includes(name));
    expect(unnamed).toEqual([]);
  });
});
