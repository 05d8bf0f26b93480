import { readdirSync } from 'node:fs';
import { extname, join } from 'node:path';

/** Endings of files that are taken for templates. */
export const TEMPLATE_ENDINGS: readonly string[] = ['njk', 'nunjucks', 'nunj', 'html'];

/** Returns the paths of all templates in a folder and the folders in it, sorted. Packages in it are left out. */
export function templateFiles(folder: string, endings: readonly string[]): readonly string[] {
  const found: string[] = [];
  const visit = (at: string): void => {
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) {
        if (entry.name !== 'node_modules' && !entry.name.startsWith('.')) visit(path);
      } else if (endings.includes(extname(entry.name).slice(1))) found.push(path);
    }
  };
  visit(folder);
  return found.sort();
}
