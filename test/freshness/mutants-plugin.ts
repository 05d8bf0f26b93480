import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { httpMutants } from '../http/mutants.ts';
import { readMutants } from '../reads/mutants.ts';
import { mutants } from './mutants.ts';

/** The library with something taken out: what is replaced in its source. */
interface Mutation {
  readonly edits: readonly Edit[];
}

export interface Edit {
  /** Below `src/`. */
  readonly file: string;
  /** Must be there exactly once. */
  readonly text: string;
  readonly instead: string;
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SOURCE = join(ROOT, 'src/');
/** What a test gets instead of Vitest. */
const COLLECTED = join(ROOT, 'test/reads/collected.ts');
const PREFIX = 'mutant:';
const QUERY = '?mutant=';

const lists: Readonly<Record<string, readonly Mutation[]>> = {
  freshness: Object.values(mutants).map((mutant) => ({ edits: [mutant] })),
  reads: Object.values(readMutants),
  http: Object.values(httpMutants),
};

/**
 * Makes `import('mutant:freshness:3:src/index.ts')` that module with mutant 3 of a list: what is imported by a module that was
 * loaded for a mutant is loaded for it as well, but for packages.
 */
export function mutantsPlugin() {
  return {
    name: 'mutants',
    enforce: 'pre' as const,
    resolveId(source: string, importer: string | undefined) {
      if (source.startsWith(PREFIX)) {
        const [list, number, path] = source.slice(PREFIX.length).split(':');
        return `${ROOT}${path}${QUERY}${list}-${number}`;
      }
      const [path, mutant] = importer?.split(QUERY) ?? [];
      if (path === undefined || mutant === undefined) return undefined;
      if (source === 'vitest') return path === COLLECTED ? undefined : `${COLLECTED}${QUERY}${mutant}`;
      // What the package's own names stand for.
      if (source.startsWith(SOURCE)) return `${source}${QUERY}${mutant}`;
      return source.startsWith('.') ? `${join(dirname(path), source)}${QUERY}${mutant}` : undefined;
    },
    async load(id: string) {
      const [path, which] = id.split(QUERY);
      if (path === undefined || which === undefined) return undefined;
      const [list = '', number] = which.split('-');
      const edits = lists[list]?.[Number(number)]?.edits ?? [];
      const source = await readFile(path, 'utf8');
      return edits
        .filter(({ file }) => path === SOURCE + file)
        .reduce((text, edit) => mutated(text, edit, list), source);
    },
  };
}

/** Fails unless all that the mutants of a list take out of the library is there, once. */
export async function checkEdits(list: string): Promise<void> {
  for (const edit of (lists[list] ?? []).flatMap(({ edits }) => edits)) {
    mutated(await readFile(SOURCE + edit.file, 'utf8'), edit, list);
  }
}

function mutated(source: string, { file, text, instead }: Edit, list: string): string {
  const pieces = source.split(text);
  if (pieces.length === 2) return pieces.join(instead);
  throw new Error(`src/${file} has ${pieces.length - 1} times "${text}": bring test/${list}/mutants.ts up to date`);
}
