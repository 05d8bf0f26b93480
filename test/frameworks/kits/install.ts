import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pack, run } from '../../package/packed.ts';

const OPTIONS = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--fetch-retries=1'];
const UNREACHABLE = /\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED)\b/;

/**
 * Installs packages of the registry and, beside them, this one as it was built. Returns their folder; undefined where the registry cannot be
 * reached.
 */
export async function install(folder: string, packages: readonly string[]): Promise<string | undefined> {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'package.json');
  if (!existsSync(file)) writeFileSync(file, '{ "name": "prototype", "dependencies": {} }');
  const { file: tarball } = await pack();
  try {
    await run('npm', ['install', ...OPTIONS, '--fetch-retry-mintimeout=1000', ...packages, tarball], {
      cwd: folder,
      timeout: 600_000,
    });
  } catch (error) {
    if (!UNREACHABLE.test((error as { stderr: string }).stderr)) throw error;
    return undefined;
  }
  return join(folder, 'node_modules');
}
