import type { Site } from './site.ts';

/** Shows what was measured, for docs/reliability.md: `FIGURES=1 npx vitest run test/faults`. */
export function showFigures(fault: string, site: Site, more: Record<string, number | string>): void {
  if (process.env.FIGURES !== '1') return;
  const { pages, longestPage, latestPage, bumps, longestBump } = site.measures;
  const figures = { pages, longestPage, latestPage, bumps, longestBump, ...more };
  const shown = Object.entries(figures).map(
    ([name, value]) => `${name} ${typeof value === 'number' ? Number(value.toFixed(value < 1 ? 3 : 0)) : value}`,
  );
  console.info(`${fault}: ${shown.join(', ')}; reported ${JSON.stringify(site.reported)}`);
}
