import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { charts } from './charts.ts';

// It is built into build/bench, and draws what the repository has.
const root = new URL('../../', import.meta.url);

/** Draws bench/results.md into docs/charts. */
export function writeCharts(): void {
  mkdirSync(new URL('docs/charts/', root), { recursive: true });
  for (const [name, svg] of charts(readFileSync(new URL('bench/results.md', root), 'utf8'))) {
    writeFileSync(new URL(`docs/charts/${name}`, root), svg);
  }
}

if (process.argv[1] === new URL(import.meta.url).pathname) writeCharts();
