import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Mutant, mutants } from './mutants.ts';

const SOURCE = fileURLToPath(new URL('../../src/', import.meta.url));
const PREFIX = 'mutant:';
const QUERY = '?mutant=';

/**
 * Makes `import('mutant:3')` the library with mutant 3: what is imported by a module that was loaded for a mutant is
 * loaded for it as well.
 */
export function mutantsPlugin() {
  return {
    name: 'mutants',
    enforce: 'pre' as const,
    resolveId(source: string, importer: string | undefined) {
      if (source.startsWith(PREFIX)) return `${SOURCE}index.ts${QUERY}${source.slice(PREFIX.length)}`;
      const [path, mutant] = importer?.split(QUERY) ?? [];
      if (path === undefined || mutant === undefined || !source.startsWith('.')) return undefined;
      return `${join(dirname(path), source)}${QUERY}${mutant}`;
    },
    async load(id: string) {
      const [path, number] = id.split(QUERY);
      if (path === undefined || number === undefined) return undefined;
      const source = await readFile(path, 'utf8');
      const mutant: Mutant | undefined = Object.values(mutants)[Number(number)];
      return mutant !== undefined && path === SOURCE + mutant.file ? mutated(source, mutant) : source;
    },
  };
}

function mutated(source: string, { file, text, instead }: Mutant): string {
  const pieces = source.split(text);
  if (pieces.length === 2) return pieces.join(instead);
  throw new Error(`src/${file} has ${pieces.length - 1} times "${text}": bring test/freshness/mutants.ts up to date`);
}
