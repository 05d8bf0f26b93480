import { type Bar, type BarChart, drawBars } from './bar-chart.ts';
import { type ResultRow, readResults } from './results-table.ts';

/** Titles of the groups whose ratios are drawn. Those of `tokens`, `admission` and `load` are not times of one page beside another. */
const TITLES: Readonly<Record<string, string>> = {
  alternatives: 'The same page with other caches',
  memory: 'In memory',
  reads: 'What a body reads',
  store: 'Memcached on the same machine',
  redis: 'Redis on the same machine',
  sql: 'An SQLite file',
  network: 'Memcached, 1 ms away',
  growth: 'Large pages, and memory',
  holes: 'Holes',
  invalidate: 'Invalidation',
  views: 'Whole views',
};

/** What is drawn of `load`: who comes at once, to several processes. */
const CROWD = /^(?<what>.+), 20 visitors at once, 4 processes/;

/**
 * Draws the results of a run.
 *
 * @param markdown the text of results.md
 * @returns charts as SVG, by the names of their files
 */
export function charts(markdown: string): ReadonlyMap<string, string> {
  const groups = readResults(markdown);
  const drawn = Object.entries(TITLES).flatMap(([name, title]) => {
    const rows = groups.get(name);
    return rows === undefined ? [] : [[`${name}.svg`, drawBars(ratios(title, rows))] as const];
  });
  return new Map([...drawn, ['load.svg', drawBars(loads(groups.get('load') ?? []))]]);
}

function ratios(title: string, rows: readonly ResultRow[]): BarChart {
  const scenarios = grouped(rows, ({ scenario }) => scenario);
  return {
    title,
    notes: [
      `${rows.some(isOfBytes) ? 'Time, or bytes,' : 'Time'} of ours, divided by that of what stands at the left: shorter is better.`,
      ...(rows.some(({ goal }) => goal !== undefined) ? ['The upright mark is the goal.'] : []),
    ],
    line: { value: 1, text: '1 ×: takes as long' },
    groups: Array.from(scenarios, ([heading, all]) => ({ heading, bars: all.map(ratioBar) })),
  };
}

function isOfBytes({ ours }: ResultRow): boolean {
  return ours.includes('bytes');
}

function ratioBar({ other, ratio, goal, outcome }: ResultRow): Bar {
  const words = { met: '', missed: ', missed', behind: ', behind' };
  const wanted = goal === undefined ? '' : `  (goal ${goal}${words[outcome]})`;
  const kind = goal === undefined ? 'plain' : outcome === 'met' ? 'good' : 'bad';
  return { label: other, value: ratio, text: `${ratio.toFixed(2)} ×${wanted}`, goal, kind };
}

function loads(rows: readonly ResultRow[]): BarChart {
  const crowds = grouped(
    rows.filter(({ scenario }) => CROWD.test(scenario)),
    ({ scenario }) => CROWD.exec(scenario)?.groups?.what ?? '',
  );
  const bar = (label: string, said: string, kind: Bar['kind']): Bar => {
    const count = Number.parseFloat(said.replaceAll(',', ''));
    return { label, value: count, text: `${count}`, kind };
  };
  return {
    title: 'How often the database is asked for the same',
    notes: ['20 visitors at once, 4 processes, each load takes 100 ms. One load is needed.'],
    groups: Array.from(crowds, ([what, all]) => ({
      heading: what,
      bars: [
        bar('ours', all[0]?.ours ?? '', 'good'),
        ...all
          .filter(({ other }) => !other.startsWith('ours'))
          .map(({ other, theirs }) => bar(other.replace(/ \(.*/, ''), theirs, 'plain')),
      ],
    })),
  };
}

function grouped(
  rows: readonly ResultRow[],
  by: (row: ResultRow) => string,
): ReadonlyMap<string, readonly ResultRow[]> {
  const groups = new Map<string, readonly ResultRow[]>();
  for (const row of rows) groups.set(by(row), [...(groups.get(by(row)) ?? []), row]);
  return groups;
}
