import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { charts } from './charts.ts';

// It runs from build/bench, and draws what the repository has.
const root = new URL('../../', import.meta.url);
mkdirSync(new URL('docs/charts/', root), { recursive: true });
for (const [name, svg] of charts(readFileSync(new URL('bench/results.md', root), 'utf8'))) {
  writeFileSync(new URL(`docs/charts/${name}`, root), svg);
}
