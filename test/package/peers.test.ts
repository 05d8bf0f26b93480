import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isDeep } from '../support/long.ts';
import { pack, run } from './packed.ts';

let folder = '';
let tarball = '';
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cachesweeper-peers-'));
  tarball = (await pack()).file;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// What public sites have. Hooks refuse some of these versions when they are set up; the sites cache all the same.
const SITES = [
  { typeorm: '0.2' },
  { typeorm: '0.3' },
  { sequelize: '5' },
  { '@prisma/client': '6' },
  { fastify: '3' },
] as const;

// npm finds a place for every package, and downloads none: contents.test.ts holds the ranges on other days.
test.runIf(isDeep).each(SITES)(
  'npm installs the package into a site with %o',
  async (dependencies) => {
    const manifest = { name: 'site', private: true, dependencies: { ...dependencies, nunjucks: '3.2' } };
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
    rmSync(join(folder, 'package-lock.json'), { force: true });
    const args = ['install', tarball, '--package-lock-only', '--no-audit', '--no-fund', '--prefer-offline'];
    const { stderr } = await run('npm', args, { cwd: folder }).catch((error: { stderr: string }) => error);
    expect(stderr).not.toContain('ERESOLVE');
    // Nothing else that npm says is about the ranges: the registry may be out of reach.
    if (stderr.includes('npm error')) console.warn(`not tested beside ${JSON.stringify(dependencies)}: ${stderr}`);
  },
  120_000,
);
