import { readFileSync } from 'node:fs';

/** What docs/orm.md says of a write: its rows are invalidated, its type, or nobody hears of it. */
export type Heard = 'row' | 'type' | 'no';

/** The table of writes below a heading of docs/orm.md: what is invalidated, by the write as it stands in the first column. */
export function writesOf(heading: string): ReadonlyMap<string, Heard> {
  const text = readFileSync(new URL('../../docs/orm.md', import.meta.url), 'utf8');
  const section = text.split(/^## /m).find((each) => each.startsWith(`${heading}\n`)) ?? '';
  const table = section.slice(section.indexOf('| write |')).split('\n\n')[0] ?? '';
  const rows = table
    .split('\n')
    .slice(2)
    .filter((line) => line.startsWith('|'));
  return new Map(
    rows.map((line) => {
      const [, write = '', heard = ''] = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
      return [write.replaceAll('`', ''), heard.replaceAll('*', '') as Heard];
    }),
  );
}
