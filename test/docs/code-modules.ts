import { blocksOf, type CodeBlock, pages } from './code-blocks.ts';

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
      const blocks = blocksOf(page).filter((block) => block.language === language);
      const intro = blocks.filter(({ section }) => section === '');
      const sections = Map.groupBy(blocks, ({ section }) => section);
      if (sections.size > 1) sections.delete('');
      return Array.from(sections, ([section, own]) =>
        moduleOf(page, language, section === '' ? own : [...intro, ...own]),
      );
    }),
  );
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
  const named = new Map<string, Set<string>>();
  const whole = new Set<string>();
  const rest = text.replaceAll(/^import (.+?) from '(.+)';$/gm, (line, what: string, from: string) => {
    const [, byDefault, names, isType] = /^(?:(\w+)(?:, )?)?(?:\{ (.+) \})?$/.exec(what.replace(/^type /, '')) ?? [];
    void isType;
    if (byDefault === undefined && names === undefined) {
      whole.add(line);
      return '';
    }
    if (byDefault !== undefined) whole.add(`import ${byDefault} from '${from}';`);
    const known = named.get(from) ?? new Set();
    for (const each of names?.split(', ') ?? []) known.add(what.startsWith('type ') ? `type ${each}` : each);
    if (known.size > 0) named.set(from, known);
    return '';
  });
  const lines = Array.from(named, ([from, names]) => {
    const values = [...names].filter((name) => !name.startsWith('type ') || !names.has(name.slice(5)));
    return `import { ${values.join(', ')} } from '${from}';`;
  });
  return { imports: [...whole, ...lines].join('\n'), rest };
}
