import { isAbsolute, relative, resolve, sep } from 'node:path';
import { CacheSweeper } from '../sweeper.ts';
import { Examiner } from '../template/examine.ts';
import type { Environment } from '../template/nunjucks.ts';
import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { loadPackage } from '../util/load-package.ts';
import { kindOf, type PathKind, realPath } from './paths.ts';

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
  const kind = kindOf(path);
  if (kind !== 'file') throw badOption('--config', 'the path of a module', told(file, kind));
  const made = await load(path, file);
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

/** Returns what a module exports, or what the function returns that it exports. */
async function load(path: string, file: string): Promise<unknown> {
  try {
    const loaded: { readonly default?: unknown } = await import(/* @vite-ignore */ path);
    const exported = 'default' in loaded ? loaded.default : loaded;
    return typeof exported === 'function' ? await exported() : exported;
  } catch (error) {
    const { message, code }: NodeJS.ErrnoException = error instanceof Error ? error : new Error(String(error));
    const todo = todoFor(code, path);
    throw badOption(`--config ${file}`, 'a module that can be loaded', `an error: ${message}`, {
      cause: error,
      ...(todo === undefined ? {} : { todo }),
    });
  }
}

function todoFor(code: string | undefined, path: string): string | undefined {
  if (code === 'ERR_REQUIRE_ASYNC_MODULE')
    return 'export an async function instead of using await outside of functions';
  // Node reads TypeScript by itself from 22.18 on.
  const { typescript } = process.features as { readonly typescript?: unknown };
  return /\.[cm]?ts$/.test(path) && !typescript
    ? 'if it is TypeScript, run the command with a loader for it: NODE_OPTIONS="--import tsx"'
    : undefined;
}

/** Makes an environment of the templates in some folders, the first of which comes first. It has no filters, tests and globals but those of Nunjucks. */
export async function plainEnvironment(folders: readonly string[]): Promise<SiteEnvironment> {
  const { Environment, FileSystemLoader } = await loadPackage<Nunjucks>('nunjucks');
  const env = new CacheSweeper().install(new Environment(new FileSystemLoader(folders)));
  return { env, examiner: new Examiner(env), isOwn: false };
}

/**
 * Returns the paths of folders, each once.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when a path is no folder
 */
export function checkFolders(folders: readonly string[], cwd: string): readonly string[] {
  const paths = folders.map((folder) => {
    const path = resolve(cwd, folder);
    const kind = kindOf(path);
    if (kind === 'folder') return path;
    throw badOption('templates', 'the path of a folder', told(folder, kind));
  });
  return [...new Set(paths)];
}

/** Says what is at a path where something else is expected. */
function told(path: string, kind: PathKind): string {
  return kind === undefined ? `${path}, which is not there` : `the ${kind} ${path}`;
}

/**
 * Returns the name of a template by the path of its file: how it is called from the folder that its loader looks in. Undefined where no
 * loader looks there.
 */
export function findName(path: string, site: SiteEnvironment): string | undefined {
  const roots = rootsOf(site);
  // The folder may be named by a link where the loader has its own path, or the other way round.
  return nameBelow(roots, path) ?? nameBelow(roots.map(realPath), realPath(path));
}

/**
 * Returns the name of a template by the path of its file.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when no loader looks there
 */
export function nameOf(path: string, site: SiteEnvironment): string {
  const name = findName(path, site);
  if (name !== undefined) return name;
  const roots = rootsOf(site).join(', ') || 'it has none';
  throw badOption('templates', `a template in a folder of the environment (${roots})`, path);
}

/** Returns the folders that the loaders look in. */
function rootsOf({ env }: SiteEnvironment): readonly string[] {
  return env.loaders.flatMap(({ searchPaths }) => searchPaths ?? []).map((root) => resolve(root));
}

function nameBelow(roots: readonly string[], path: string): string | undefined {
  const root = roots.find((one) => isBelow(path, one));
  return root === undefined ? undefined : relative(root, path).split(sep).join('/');
}

function isBelow(path: string, folder: string): boolean {
  const from = relative(folder, path);
  return from !== '' && !from.startsWith(`..${sep}`) && from !== '..' && !isAbsolute(from);
}
