import { readdirSync, readFileSync } from 'node:fs';
import { blocksOf, type CodeBlock, pages } from './code-blocks.ts';

/** Lines of docs/orm.md that test/orm/recipes runs, and the compiler sees there. */
const examples = new URL('../orm/examples/', import.meta.url);
const run = readdirSync(examples).map((file) => dense(readFileSync(new URL(file, examples), 'utf8')));

/** What the compiler is given: the blocks of a section, behind those before the first section. */
export interface CodeModule {
  readonly file: string;
  readonly code: string;
  /** The block that a line of the module comes from, to say where an error is. */
  readonly blocks: readonly CodeBlock[];
}

/** The TypeScript and JavaScript of all pages, section by section. */
export function codeModules(): CodeModule[] {
  return pages.flatMap((page) =>
    ['ts', 'js'].flatMap((language) => {
      const blocks = blocksOf(page).filter((block) => block.language === language && !isRunElsewhere(block));
      const intro = blocks.filter(({ section }) => section === '');
      const sections = new Set(blocks.map(({ section }) => section));
      if (sections.size > 1) sections.delete('');
      return Array.from(sections, (name) => {
        const own = blocks.filter(({ section }) => section === name);
        return moduleOf(page, language, name === '' ? own : [...intro, ...own]);
      });
    }),
  );
}

function isRunElsewhere({ code }: CodeBlock): boolean {
  return run.some((source) => source.includes(dense(code)));
}

function dense(code: string): string {
  return code.replaceAll(/\s+/g, ' ').trim();
}

function moduleOf(page: string, language: string, blocks: readonly CodeBlock[]): CodeModule {
  const name = `${page}-${blocks.at(-1)?.line}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  const text = blocks.map(({ code }) => code).join('\n');
  if (text.includes(' = require(')) return { file: `${name}.cjs`, code: text, blocks };
  const { imports, rest } = gathered(text);
  return { file: `${name}.${language}`, code: `${imports}\n${rest}\nexport {};\n`, blocks };
}

/** A reader meets an import again where it is needed; a module may have it once. */
function gathered(text: string): { imports: string; rest: string } {
  const imports = new Set<string>();
  const rest = text.replaceAll(
    /^import (type )?(.+?) from '(.+)';$/gm,
    (_line, type = '', what: string, from: string) => {
      const [, byDefault, , names] = /^(\w+)?(, )?(?:\{ (.+) \})?$/.exec(what) ?? [];
      if (byDefault !== undefined) imports.add(`import ${type}${byDefault} from '${from}';`);
      for (const name of names?.split(', ') ?? []) imports.add(`import ${type}{ ${name} } from '${from}';`);
      return '';
    },
  );
  return { imports: [...imports].join('\n'), rest };
}
