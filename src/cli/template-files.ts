import { readdirSync, statSync } from 'node:fs';

import { extname, join } from 'node:path';
import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';

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

/** Returns the paths of all templates in a folder and the folders in it, sorted. Packages in it are left out. */
export function templateFiles(folder: string, endings: readonly string[]): readonly string[] {
  const found: string[] = [];
  const visit = (at: string): void => {
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) {
        if (entry.name !== 'node_modules' && !entry.name.startsWith('.')) visit(path);
      } else if (endings.includes(extname(entry.name).slice(1)) && isFile(path)) found.push(path);
    }
  };
  visit(folder);
  return found.sort();
}

/** Whether there is a file, also behind a link. */
function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
