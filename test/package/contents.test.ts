import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { entryPoints, manifest, type Packed, pack, root, run } from './packed.ts';

let packed: Packed;
beforeAll(async () => {
  packed = await pack('packed');
});

describe('the packed tarball', () => {
  test('holds the built modules with their types, maps and sources, the documentation, and nothing else', () => {
    const sources = readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.ts'),
    );
    const built = sources.flatMap((path) =>
      ['.js', '.js.map', '.d.ts', '.d.ts.map'].map((end) => `dist/${path.replace(/\.ts$/, end)}`),
    );
    const docs = readdirSync(`${root}docs`).map((name) => `docs/${name}`);
    expect([...packed.paths].sort()).toEqual(
      [
        'CHANGELOG.md',
        'LICENSE',
        'README.md',
        'package.json',
        ...built,
        ...docs,
        ...sources.map((path) => `src/${path}`),
      ].sort(),
    );
  });

  test('has all that package.json promises', () => {
    const promised = JSON.stringify(manifest.exports).match(/(?<="\.\/)dist\/[^"]+/g) ?? [];
    expect(promised.length).toBe(2 * entryPoints.length);
    for (const path of promised) expect(packed.paths).toContain(path);
  });

  test('passes publint', async () => {
    const { stdout } = await run(process.execPath, [`${root}node_modules/publint/src/cli.js`, packed.file, '--strict']);
    expect(stdout).toContain('All good!');
  });

  test('passes arethetypeswrong for ES modules', async () => {
    const cli = `${root}node_modules/@arethetypeswrong/cli/dist/index.js`;
    const { stdout } = await run(process.execPath, [cli, packed.file, '--profile', 'esm-only', '--format', 'json']);
    const { analysis } = JSON.parse(stdout); // it would have exited with an error for a problem
    expect(analysis.types).toMatchObject({ kind: 'included' });
    expect(Object.keys(analysis.entrypoints).sort()).toEqual(Object.keys(manifest.exports).sort());
  });
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
    const others = [...Object.keys(manifest.devDependencies), ...Object.keys(manifest.peerDependencies)];
    const unnamed = others.filter((name) => !name.startsWith('@types/') && !section.toLowerCase().includes(name));
    expect(unnamed).toEqual([]);
  });
});
