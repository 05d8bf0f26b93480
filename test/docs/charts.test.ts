import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { charts } from '../../bench/charts.ts';
import { readResults } from '../../bench/results-table.ts';
import { readPage } from './code-blocks.ts';

const folder = new URL('../../docs/charts/', import.meta.url);
const results = readPage('bench/results.md');
const drawn = charts(results);

test('the charts of the docs are those of bench/results.md: npm run charts draws them', () => {
  expect([...drawn.keys()].sort()).toEqual(readdirSync(folder).sort());
  for (const [name, svg] of drawn) expect(readPage(`docs/charts/${name}`), name).toBe(svg);
});

test('docs/performance.md shows each of them', () => {
  const shown = Array.from(readPage('docs/performance.md').matchAll(/\]\(charts\/(.+?)\)/g), ([, name]) => name);
  expect(shown.sort()).toEqual([...drawn.keys()].sort());
});

test('a chart shows the ratio of each row, and says what is missed', () => {
  for (const [group, rows] of readResults(results)) {
    const svg = drawn.get(`${group}.svg`);
    if (svg === undefined || group === 'load') continue;
    expect(rows.length).toBeGreaterThan(0);
    for (const { ratio } of rows) expect(svg, group).toContain(`>${ratio.toFixed(2)} ×`);
    const missed = rows.filter(({ outcome }) => outcome === 'missed').length;
    expect(svg.split(', missed)').length - 1, group).toBe(missed);
  }
});

test('what a table says is read: numbers, goals, and what has none', () => {
  const [row, other] = readResults(`# R

## a group

| scenario | compared with | ratio | goal | here | the other, here |
|---|---|---|---|---|---|
| one & <two> | a | 1.53 × | ≤ 1.4 × **missed** | 2575 µs | 1630 µs |
| three | b | 0.05 × | loads ≤ 1, longest ≤ 160 ms | 1 load | 20 loads |
`).get('a group') as [object, object];
  expect(row).toMatchObject({ scenario: 'one & <two>', ratio: 1.53, goal: 1.4, outcome: 'missed', theirs: '1630 µs' });
  expect(other).toMatchObject({ ratio: 0.05, goal: undefined, outcome: 'met', ours: '1 load' });
});
