import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { bodies, comments, environment } from './page.ts';
import { compare, type Ratio } from './ratio.ts';

interface Row {
  readonly scenario: string;
  readonly floor: string;
  readonly measured: Ratio;
}

const context = { title: 'A page of comments', comments };

function allHits(): Row {
  const cached = new CacheSweeper().install(environment('cached'));
  const ready = environment('ready strings');
  const html = bodies();
  const ours = () => cached.render('page.njk', context);
  const floor = () => ready.render('page.njk', { ...context, html });
  if (ours() !== floor()) throw new Error('the two sides of the benchmark do not render the same page');
  return {
    scenario: 'memory only, 50 fragments, all hits',
    floor: 'the same page printing 50 ready strings',
    measured: compare(ours, floor),
  };
}

function cold(): Row {
  const sweeper = new CacheSweeper();
  const cached = sweeper.install(environment('cached'));
  const uncached = environment('uncached');
  return {
    scenario: 'memory only, 50 fragments, everything missed and stored',
    floor: 'the uncached page',
    measured: compare(
      () => {
        // Resolved at once: without a store nothing is waited for.
        void sweeper.invalidateAll();
        return cached.render('page.njk', context);
      },
      () => uncached.render('page.njk', context),
    ),
  };
}

function noFragments(): Row {
  const installed = new CacheSweeper().install(environment('no fragments'));
  const without = environment('no fragments');
  return {
    scenario: 'page without fragments, extension installed',
    floor: 'the same without it',
    measured: compare(
      () => installed.render('page.njk', context),
      () => without.render('page.njk', context),
    ),
  };
}

function uncached(): Row {
  const ready = new CacheSweeper().install(environment('cached'));
  const plain = environment('uncached');
  return {
    scenario: 'what it is for: all hits against rendering everything',
    floor: 'the uncached page',
    measured: compare(
      () => ready.render('page.njk', context),
      () => plain.render('page.njk', context),
    ),
  };
}

const rows = [allHits(), cold(), noFragments(), uncached()];
const table = [
  '| scenario | compared with | ratio (median of 60 paired rounds) | µs, here | µs of the other, here |',
  '|---|---|---|---|---|',
  ...rows.map(
    ({ scenario, floor, measured: { ratio, ours, floor: other } }) =>
      `| ${scenario} | ${floor} | ${ratio.toFixed(2)} × | ${ours.toFixed(0)} | ${other.toFixed(0)} |`,
  ),
].join('\n');
const machine = `${cpus().length} × ${cpus()[0]?.model.trim() || 'unknown processor'}, Node ${process.versions.node}`;
console.log(`${table}\n\n${machine}`);
writeFileSync(
  new URL('../../bench/results.md', import.meta.url),
  `# Benchmark results\n\nWritten by \`npm run bench\` on: ${machine}. Ratios are the claim; microseconds say what that machine did.\n\n${table}\n`,
);
