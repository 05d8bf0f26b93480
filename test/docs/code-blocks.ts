import { readdirSync, readFileSync } from 'node:fs';

/** A fenced block of a page. */
export interface CodeBlock {
  readonly page: string;
  /** Where its fence stands, from 1. */
  readonly line: number;
  readonly language: string;
  readonly code: string;
  /** The heading of level two it stands under; empty before the first. */
  readonly section: string;
}

const root = new URL('../../', import.meta.url);

/** Every page that users and contributors read, by its path. */
export const pages: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(new URL('docs/', root))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

export function readPage(page: string): string {
  return readFileSync(new URL(page, root), 'utf8');
}

/** The blocks of a page, in order. */
export function blocksOf(page: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let section = '';
  let open: { language: string; line: number; lines: string[] } | undefined;
  for (const [index, line] of readPage(page).split('\n').entries()) {
    const fence = /^```(\w*)$/.exec(line);
    if (open !== undefined && fence === null) {
      open.lines.push(line);
    } else if (open !== undefined) {
      const { language, lines } = open;
      blocks.push({ page, line: open.line, language, code: `${lines.join('\n')}\n`, section });
      open = undefined;
    } else if (fence !== null) {
      open = { language: fence[1] as string, line: index + 1, lines: [] };
    } else if (line.startsWith('## ')) {
      section = line.slice(3);
    }
  }
  if (open !== undefined) throw new Error(`${page}: the block in line ${open.line} is not closed`);
  return blocks;
}

/** The code of a page in one language, block by block. */
export function codeBlocks(page: string, language: string): string[] {
  return blocksOf(page)
    .filter((block) => block.language === language)
    .map(({ code }) => code);
}
