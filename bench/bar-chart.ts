/** A bar, with its text behind it. */
export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly text: string;
  /** Where a mark stands that the bar should not pass. */
  readonly goal?: number | undefined;
  /** How it is coloured; `text` says the same for those who see no colours. */
  readonly kind: 'good' | 'bad' | 'plain';
}

export interface BarChart {
  readonly title: string;
  /** How to read it, a line each. */
  readonly notes: readonly string[];
  readonly groups: readonly { readonly heading: string; readonly bars: readonly Bar[] }[];
  /** A line through all bars, and what it stands for. */
  readonly line?: { readonly value: number; readonly text: string };
}

const WIDTH = 660;
const MARGIN = 24;
const LABELS = 250;
/** Widest bar; its text stands behind it. */
const BARS = 190;
const LINE = 16;
/** Characters in a line of a label and of a heading, by the width of an average character. */
const LABEL_CHARACTERS = 37;
const HEADING_CHARACTERS = 76;

/** Follows the reader's light or dark mode, also where the picture is shown by itself. */
const STYLE = `
svg { --paper: #ffffff; --ink: #1f2328; --quiet: #59636e; --rule: #d1d9e0; --good: #2f6fb3; --bad: #bc4c00; --plain: #8c959f }
@media (prefers-color-scheme: dark) {
  svg { --paper: #0d1117; --ink: #f0f6fc; --quiet: #9198a1; --rule: #3d444d; --good: #58a6ff; --bad: #f0883e; --plain: #6e7681 }
}
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: var(--ink); paint-order: stroke; stroke: var(--paper); stroke-width: 3px }
.title { font-size: 17px; font-weight: 600 }
.heading { font-weight: 600 }
.quiet { fill: var(--quiet); font-size: 12px }
.paper { fill: var(--paper) }
.good { fill: var(--good) } .bad { fill: var(--bad) } .plain { fill: var(--plain) }
.goal { stroke: var(--ink); stroke-width: 2 }
.rule { stroke: var(--rule); stroke-dasharray: 3 3 }`;

/** Returns a chart as SVG. The same chart is the same text on each machine. */
export function drawBars({ title, notes, groups, line }: BarChart): string {
  const values = groups.flatMap(({ bars }) => bars.flatMap(({ value, goal = 0 }) => [value, goal]));
  const scale = BARS / Math.max(...values, line?.value ?? 0);
  const at = (value: number): string => round(MARGIN + LABELS + value * scale);
  const drawn: string[] = [];
  let y = MARGIN + 14;
  const write = (x: string | number, content: string, kind: string): void => {
    drawn.push(`<text x="${x}" y="${round(y)}" class="${kind}">${escaped(content)}</text>`);
  };
  write(MARGIN, title, 'title');
  for (const note of notes.flatMap((text) => wrapped(text, HEADING_CHARACTERS + 14))) {
    y += LINE + 2;
    write(MARGIN, note, 'quiet');
  }
  y += 14;
  const top = y;
  if (line !== undefined) {
    y += LINE;
    write(at(line.value), line.text, 'quiet');
  }
  for (const { heading, bars } of groups) {
    y += 12;
    for (const text of wrapped(heading, HEADING_CHARACTERS)) {
      y += LINE;
      write(MARGIN, text, 'heading');
    }
    y += 6;
    for (const { label, value, text, goal, kind } of bars) {
      const lines = wrapped(label, LABEL_CHARACTERS);
      const end = at(Math.max(value, goal ?? 0));
      const middle = y + (lines.length * LINE) / 2 + 4;
      const bar = `x="${at(0)}" y="${round(middle - 7)}" width="${round(Math.max(value * scale, 1))}" height="14" rx="2"`;
      drawn.push(`<rect ${bar} class="${kind}"/>`);
      if (goal !== undefined) {
        const x = at(goal);
        drawn.push(`<line x1="${x}" x2="${x}" y1="${round(middle - 10)}" y2="${round(middle + 10)}" class="goal"/>`);
      }
      for (const part of lines) {
        y += LINE;
        write(MARGIN, part, 'quiet');
      }
      drawn.push(`<text x="${round(Number(end) + 8)}" y="${round(middle + 4)}">${escaped(text)}</text>`);
      y += 8;
    }
  }
  const height = Math.ceil(y + MARGIN - 8);
  const rule =
    line === undefined
      ? ''
      : `<line x1="${at(line.value)}" x2="${at(line.value)}" y1="${round(top + LINE + 4)}" y2="${round(y)}" class="rule"/>\n`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<title>${escaped(title)}</title>
<style>${STYLE}
</style>
<rect width="100%" height="100%" rx="6" class="paper"/>
${rule}${drawn.join('\n')}
</svg>
`;
}

/** Breaks text into lines between words. */
function wrapped(text: string, characters: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length >= characters) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
