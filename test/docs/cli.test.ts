import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { cli } from '../cli/support.ts';
import { codeBlocks, readPage } from './code-blocks.ts';

const page = readPage('docs/cli.md');
const cliFolder = new URL('../../src/cli/', import.meta.url);

/** The words in the first column of the table behind a heading. */
function rows(heading: string): readonly string[] {
  const section = page.split('\n## ').find((text) => text.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/^\| (.+?) \|/gm)].flatMap(([, first]) =>
    [...(first as string).matchAll(/`([^`]+)`/g)].map(([, word]) => word as string),
  );
}

test('docs/cli.md has every rule of lint, and no other', () => {
  const sources = readdirSync(new URL('lint/', cliFolder)).map((name) =>
    readFileSync(new URL(`lint/${name}`, cliFolder), 'utf8'),
  );
  const rules = sources.flatMap((text) => [...text.matchAll(/rule: '([\w-]+)'/g)].map(([, rule]) => rule as string));
  expect(rules.length).toBeGreaterThan(4);
  expect([...rows('lint')].sort()).toEqual([...new Set([...rules, 'syntax'])].sort());
});

test('docs/cli.md has every command and every proposal of plan', async () => {
  const { out } = await cli(['--help']);
  const commands = [...out.matchAll(/^ {2}([a-z]+) /gm)].map(([, command]) => command as string);
  const shown = codeBlocks('docs/cli.md', 'sh').join('');
  expect(commands.length).toBe(6);
  for (const command of commands) expect(shown).toContain(`npx nunjucks-cachesweeper ${command}`);
  const source = readFileSync(new URL('plan/proposals.ts', cliFolder), 'utf8');
  const actions = [...(/type Action = (.+);/.exec(source)?.[1] ?? '').matchAll(/'(\w+)'/g)].map(([, one]) => one);
  expect([...rows('plan')].sort()).toEqual([...actions].sort());
});

test('what docs/cli.md shows of explain is what it prints for the demo', async () => {
  const [, shown] = codeBlocks('docs/cli.md', 'text');
  const { out } = await cli(['explain', 'article.njk']);
  expect(shown).toMatch(/^fragments\/comment\.njk:2/);
  expect(out).toContain(shown);
  for (const line of (shown as string).split('\n').slice(1)) {
    const label = line.trim().split(/ {2,}|,/)[0];
    if (label)
      expect(
        rows('explain').some((word) => label.startsWith(word)),
        label,
      ).toBe(true);
  }
});
