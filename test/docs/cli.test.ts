import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cli } from '../cli/support.ts';
import { serverFolder } from '../support/server-process.ts';
import { SqliteFile } from '../support/sqlite-file.ts';
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

test('docs/cli.md has the fields of every answer that is JSON', async () => {
  const reports = join(serverFolder(), 'reports.jsonl');
  const lookup = { cost: 1, lookup: 0, netBenefit: 1 };
  const fragment = { template: 'a', line: 1, outcome: 'hit', reads: [], ...lookup };
  writeFileSync(reports, JSON.stringify({ template: 'a', milliseconds: 1, waited: 0, fragments: [fragment] }));
  const sqlite = new SqliteFile();
  const store = ['--store', sqlite.url];
  const answers: Readonly<Record<string, readonly string[]>> = {
    lint: ['test/cli/planted'],
    explain: ['article.njk'],
    invalidate: ['--all', ...store],
    inspect: ['Comment', ...store],
    stats: store,
    plan: [reports],
  };
  const section = page.split('\n## JSON\n')[1] ?? '';
  for (const [command, argv] of Object.entries(answers)) {
    const { out } = await cli([command, ...argv, '--json']);
    const row = section.split('\n').find((line) => line.startsWith(`| \`${command}\` |`)) ?? '';
    const told = new Set(row.match(/\w+/g));
    for (const field of fieldsOf(JSON.parse(out))) expect(told, `${command}: ${field}`).toContain(field);
  }
});

/** The names of the fields of an answer, without those that are the site's or the store's. */
function fieldsOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return [...new Set(value.flatMap(fieldsOf))];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    ['store', 'keywords', 'cause'].includes(name) ? [name] : [name, ...fieldsOf(inner)],
  );
}

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
