import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pack, run } from '../../package/packed.ts';

/** Installs packages of the registry and, beside them, this one as it was built. Returns their folder. */
export async function install(folder: string, packages: readonly string[]): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'package.json');
  if (!existsSync(file)) writeFileSync(file, '{ "name": "prototype", "dependencies": {} }');
  const { file: tarball } = await pack('kits');
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', ...packages, tarball];
  await run('npm', args, { cwd: folder, timeout: 150_000 }).catch((error: { stderr?: string }) => {
    throw new Error(`npm could not install the kits; is the registry reachable? ${error.stderr ?? error}`);
  });
  return join(folder, 'node_modules');
}
