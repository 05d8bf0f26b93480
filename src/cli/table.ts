import { type Output, printable, widthOf } from './io.ts';

/**
 * Returns rows as lines with aligned columns. On a terminal each line is cut at its width.
 *
 * @param numbers indexes of the columns that are aligned at the right
 */
export function table(output: Output, rows: readonly (readonly string[])[], numbers: readonly number[] = []): string {
  const cells = rows.map((row) => row.map(printable));
  const widths: number[] = [];
  for (const row of cells)
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  const width = widthOf(output);
  const lines = cells.map((row) => {
    const padded = row.map((cell, i) =>
      numbers.includes(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0),
    );
    const line = padded.join('  ').trimEnd();
    return line.length > width ? `${line.slice(0, width - 1)}…` : line;
  });
  return lines.map((line) => `${line}\n`).join('');
}
