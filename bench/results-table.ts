/** One line of a table of results.md. */
export interface ResultRow {
  readonly scenario: string;
  readonly other: string;
  readonly ratio: number;
  /** Undefined where there is none, or it is no ratio. */
  readonly goal: number | undefined;
  /** Whether the goal is met; `behind` where the table says why it is not. */
  readonly outcome: 'met' | 'missed' | 'behind';
  readonly ours: string;
  readonly theirs: string;
}

/** Reads the tables of results.md, by their groups. */
export function readResults(markdown: string): ReadonlyMap<string, readonly ResultRow[]> {
  const groups = new Map<string, readonly ResultRow[]>();
  for (const section of markdown.split(/^## /m).slice(1)) {
    const lines = section.split('\n');
    const rows = lines.filter((line) => /^\| .* × \|/.test(line)).map(readRow);
    groups.set(lines[0] ?? '', rows);
  }
  return groups;
}

function readRow(line: string): ResultRow {
  const [scenario = '', other = '', ratio = '', goal = '', ours = '', theirs = ''] = line
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim());
  const number = /^≤ ([\d.]+) ×/.exec(goal)?.[1];
  return {
    scenario,
    other,
    ratio: Number.parseFloat(ratio),
    goal: number === undefined ? undefined : Number(number),
    outcome: goal.includes('**missed**') ? 'missed' : goal.includes('behind') ? 'behind' : 'met',
    ours,
    theirs,
  };
}
