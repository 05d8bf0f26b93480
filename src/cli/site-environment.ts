import { existsSync, statSync } from 'node:fs';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { CacheSweeper } from '../sweeper.ts';
import { Examiner } from '../template/examine.ts';
import type { Environment } from '../template/nunjucks.ts';
import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { loadPackage } from '../util/load-package.ts';

/** The environment whose templates a command looks at. */
export interface SiteEnvironment {
  readonly env: Environment;
  readonly examiner: Examiner;
  /** Whether it is the site's own, with its filters, tests and globals. Otherwise nothing can be said of these. */
  readonly isOwn: boolean;
}

interface Nunjucks {
  readonly Environment: new (loader: object) => Environment;
  readonly FileSystemLoader: new (folders: readonly string[]) => object;
}

/**
 * Loads the site's environment from a module, which exports it or a function that returns it (or a promise of it).
 *
 * @param file path of the module, from `cwd`
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION, CACHESWEEPER_INSTALL
 */
export async function configuredEnvironment(file: string, cwd: string): Promise<SiteEnvironment> {
  const path = resolve(cwd, file);
  if (!existsSync(path)) throw badOption('--config', 'the path of a module', `${file}, which is not there`);
  const loaded = await load(path, file);
  const exported = 'default' in loaded ? loaded.default : loaded;
  const made: unknown = typeof exported === 'function' ? await exported() : exported;
  const env = made as Partial<Environment> | null | undefined;
  if (typeof env?.getTemplate !== 'function' || typeof env.addExtension !== 'function') {
    throw badOption(
      `--config ${file}`,
      'a module whose default export is a nunjucks Environment with a sweeper installed, or a function that returns one',
      describe(made),
    );
  }
  return { env: env as Environment, examiner: new Examiner(env as Environment), isOwn: true };
}

async function load(path: string, file: string): Promise<{ readonly default?: unknown }> {
  try {
    return await import(/* @vite-ignore */ path);
  } catch (error) {
    const isLate = (error as NodeJS.ErrnoException).code === 'ERR_REQUIRE_ASYNC_MODULE';
    throw badOption(`--config ${file}`, 'a module that can be loaded', `an error: ${(error as Error).message}`, {
      cause: error,
      ...(isLate ? { todo: 'export an async function instead of using await outside of functions' } : {}),
    });
  }
}

/** Makes an environment of the templates in some folders, the first of which comes first. It has no filters, tests and globals but those of Nunjucks. */
export async function plainEnvironment(folders: readonly string[]): Promise<SiteEnvironment> {
  const { Environment, FileSystemLoader } = await loadPackage<Nunjucks>('nunjucks');
  const env = new CacheSweeper().install(new Environment(new FileSystemLoader(folders)));
  return { env, examiner: new Examiner(env), isOwn: false };
}

/** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when a path is no folder */
export function checkFolders(folders: readonly string[], cwd: string): readonly string[] {
  return folders.map((folder) => {
    const path = resolve(cwd, folder);
    if (existsSync(path) && statSync(path).isDirectory()) return path;
    throw badOption(
      'templates',
      'the path of a folder',
      existsSync(path) ? `the file ${folder}` : `${folder}, which is not there`,
    );
  });
}

/**
 * Returns the name of a template by the path of its file: how it is called from the folder that its loader looks in.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when no loader looks there
 */
export function nameOf(path: string, { env }: SiteEnvironment): string {
  const roots = env.loaders.flatMap(({ searchPaths }) => searchPaths ?? []).map((root) => resolve(root));
  const root = roots.find((one) => isBelow(path, one));
  if (root === undefined) {
    throw badOption(
      'templates',
      `a template in a folder of the environment (${roots.join(', ') || 'it has none'})`,
      path,
    );
  }
  return relative(root, path).split(sep).join('/');
}

function isBelow(path: string, folder: string): boolean {
  const from = relative(folder, path);
  return from !== '' && !from.startsWith(`..${sep}`) && from !== '..' && !isAbsolute(from);
}
