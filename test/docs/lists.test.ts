import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readPage } from './code-blocks.ts';

const source = (path: string) => readFileSync(new URL(`../../src/${path}`, import.meta.url), 'utf8');
const section = (page: string, heading: string) => {
  const text = readPage(page);
  const from = text.indexOf(`## ${heading}\n`);
  expect(from, `${page} has a section ${heading}`).toBeGreaterThanOrEqual(0);
  const to = text.indexOf('\n## ', from + 1);
  return text.slice(from, to === -1 ? undefined : to);
};
/** The first column of a table, without what it stands for. */
const rows = (text: string) => Array.from(text.matchAll(/^\| `([^`]+)`/gm), ([, name]) => name as string);
const quoted = (text: string | undefined) => Array.from((text ?? '').matchAll(/'([^'\n]+)'/g), ([, name]) => name);

describe('docs/errors.md', () => {
  test('has every code of the package, and no other', () => {
    const codes = quoted(/export type CacheSweeperErrorCode =[\s\S]*?;/.exec(source('errors.ts'))?.[0]);
    expect(codes.length).toBeGreaterThan(10);
    expect(rows(readPage('docs/errors.md')).sort()).toEqual([...codes].sort());
  });

  test('says a cause and a remedy for each', () => {
    for (const [row] of readPage('docs/errors.md').matchAll(/^\| `CACHESWEEPER_.*$/gm)) {
      const [, code, cause, remedy] = row.split(' | ').length === 3 ? ['', ...row.split(' | ')] : [];
      expect(code, row).toBeDefined();
      expect(cause!.length, row).toBeGreaterThan(20);
      expect(remedy!.length, row).toBeGreaterThan(20);
    }
  });
});

describe('docs/reference.md', () => {
  test('has every option, and no other', () => {
    const known = quoted(/const KNOWN[\s\S]*?\];/.exec(source('options.ts'))?.[0]);
    expect(known.length).toBeGreaterThan(10);
    expect(rows(section('docs/reference.md', 'Options')).sort()).toEqual([...known].sort());
  });

  test('has every reason why a fragment was not stored, and no other', () => {
    const reasons = quoted(/export type UncachedReason =[\s\S]*?;/.exec(source('reporting/report.ts'))?.[0]);
    const [, table] = section('docs/reference.md', 'Reports').split('| reason |');
    expect(rows(table ?? '').sort()).toEqual([...reasons].sort());
  });

  test('has every warning, and no other', async () => {
    const { readdirSync } = await import('node:fs');
    const files = readdirSync(new URL('../../src/', import.meta.url), { recursive: true, encoding: 'utf8' });
    const codes = files
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) => [...source(file).matchAll(/'CacheSweeperWarning', code: '(\w+)'/g)].map(([, code]) => code));
    expect(codes.length).toBeGreaterThan(3);
    expect(rows(section('docs/reference.md', 'Warnings')).sort()).toEqual([...new Set(codes)].sort());
  });

  test('has every figure of a report and of the statistics', () => {
    const fields = (path: string, name: string) =>
      Array.from(
        (new RegExp(`export interface ${name} \\{[\\s\\S]*?^\\}`, 'm').exec(source(path))?.[0] ?? '').matchAll(
          /^ {2}readonly (\w+)/gm,
        ),
        ([, field]) => field as string,
      );
    const report = fields('reporting/report.ts', 'RenderReport');
    const stats = fields('sweeper/stats.ts', 'CacheSweeperStats');
    expect([report.length, stats.length].every((length) => length >= 5)).toBe(true);
    const [first] = section('docs/reference.md', 'Reports').split('| reason |');
    expect(rows(first ?? '')).toEqual(report);
    expect(rows(section('docs/reference.md', 'Statistics'))).toEqual(stats);
    for (const field of [
      ...fields('reporting/report.ts', 'FragmentReport'),
      ...fields('reporting/stats.ts', 'TagStats'),
    ])
      expect(readPage('docs/reference.md')).toContain(`\`${field}\``);
  });
});

test('README can be read in five minutes, at 250 words a minute and with code', () => {
  expect(readPage('README.md').split(/\s+/).length).toBeLessThan(1_500);
});
