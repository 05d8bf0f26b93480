import { readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { kindOf, realPath } from './paths.ts';

/** Endings of files that are taken for templates. */
export const TEMPLATE_ENDINGS: readonly string[] = ['njk', 'nunjucks', 'nunj', 'html'];

/**
 * Reads a list of endings: `njk,html`.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION
 */
export function endingsOf(text: string): readonly string[] {
  const endings = text.split(',').map((ending) => ending.trim().replace(/^\./, ''));
  if (endings.every((ending) => /^[\w-]+$/.test(ending))) return endings;
  throw badOption('--ext', 'endings of files, separated by commas: njk,html', describe(text));
}

/**
 * Returns the paths of all templates in a folder and the folders in it, sorted. Links are followed, as Nunjucks does; a folder that is
 * linked several times, or from inside of itself, is read once. Packages are left out.
 */
export function templateFiles(folder: string, endings: readonly string[]): readonly string[] {
  const found: string[] = [];
  const visited = new Set<string>();
  // What is linked comes last, so that a template is found at its own path if it has one.
  const linked: string[] = [];
  const visit = (at: string): void => {
    const real = realPath(at);
    if (visited.has(real)) return;
    visited.add(real);
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const path = join(at, entry.name);
      const kind = kindOf(path);
      if (kind === 'file' && endings.includes(extname(entry.name).slice(1))) found.push(path);
      if (kind !== 'folder' || entry.name === 'node_modules' || entry.name.startsWith('.')) continue;
      if (entry.isSymbolicLink()) linked.push(path);
      else visit(path);
    }
  };
  visit(folder);
  for (const path of linked) visit(path);
  return found.sort();
}
