import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import nunjucks from 'nunjucks';
import { CacheSweeper, type FragmentReport, type RenderReport } from 'nunjucks-cachesweeper';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderPage } from '../support/render.ts';
import { cli } from './support.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cachesweeper-plan-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes reports as the docs say, and returns the path of the file. */
function record(name: string, reports: readonly unknown[]): string {
  const path = join(folder, name);
  writeFileSync(path, reports.map((report) => `${JSON.stringify(report)}\n`).join(''));
  return path;
}

function fragment(line: number, report: Partial<FragmentReport>): FragmentReport {
  const { cost = 1, lookup = 0.01 } = report;
  return { template: 'page.njk', line, outcome: 'hit', reads: [], cost, lookup, netBenefit: cost - lookup, ...report };
}

function render(fragments: readonly FragmentReport[], milliseconds = 0.5): RenderReport {
  return { template: 'page.njk', passes: 1, roundTrips: 0, time: 0, milliseconds, waited: 0.1, fragments };
}

const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

async function proposalsOf(...files: readonly string[]) {
  const { code, out, err } = await cli(['plan', ...files, '--json']);
  return { code, err, ...(JSON.parse(out) as { renders: number; proposals: Record<string, unknown>[] }) };
}

describe('plan', () => {
  test('proposes what to do with each tag, by the time that it has saved and taken', async () => {
    const file = record(
      'all.jsonl',
      times(200, (i) =>
        render([
          fragment(1, { cost: 5, outcome: i === 0 ? 'miss' : 'hit' }),
          fragment(2, { cost: 0.01, lookup: 0.05 }),
          fragment(3, {
            outcome: 'uncached',
            reason: 'unseen',
            unseen: 't: a function made for each page',
            lookup: 0.02,
          }),
          ...(i < 99 ? [fragment(4, { cost: 0.01, lookup: 0.05 })] : []),
        ]),
      ),
    );
    const { code, renders, proposals } = await proposalsOf(file);
    expect(renders).toBe(200);
    expect(code).toBe(1);
    const [drop, mend, keep, wait] = proposals;
    expect(drop).toMatchObject({ action: 'drop', line: 2, uses: 200, hits: 200 });
    expect(drop?.gain).toBeCloseTo(200 * 0.04);
    expect(mend).toMatchObject({
      action: 'mend',
      line: 3,
      hits: 0,
      why: '200 of 200 not stored, unseen: t: a function made for each page',
    });
    expect(mend?.gain).toBeCloseTo(200 * 0.02);
    expect(keep).toMatchObject({ action: 'keep', line: 1, uses: 200, hits: 199 });
    expect(wait).toMatchObject({ action: 'wait', line: 4, uses: 99 });
    expect(proposals).toHaveLength(4);
  });

  test('proposes a tag for a page that takes time although its fragments are hits', async () => {
    const slow = times(150, () => render([fragment(1, { cost: 5 })], 12.1));
    const cold = times(150, () => render([fragment(1, { cost: 5, outcome: 'miss' })], 500));
    const { proposals } = await proposalsOf(record('slow.jsonl', [...slow, ...cold]));
    expect(proposals[0]).toMatchObject({
      action: 'add',
      template: 'page.njk',
      uses: 150,
      why: '12 ms a page are in no fragment, loading included',
    });
    expect(proposals[0]?.gain).toBeCloseTo(150 * 12);
    expect(proposals.map(({ action }) => action)).toEqual(['add', 'keep']);
  });

  test('says the same of a site’s own reports as its statistics', async () => {
    const reports: RenderReport[] = [];
    let now = 1_800_000_000_000;
    const sweeper = new CacheSweeper({ onRender: (report) => reports.push(report), now: () => ++now });
    const loader = {
      getSource: () => ({
        src: '{% cachesweeper "A" 500 %}{{ n }}{% endcachesweeper %}',
        path: 'page',
        noCache: false,
      }),
    };
    const env = sweeper.install(new nunjucks.Environment(loader as never));
    for (let i = 0; i < 300; i++) await renderPage(env, 'page', { n: i % 3 });
    const [tag] = sweeper.stats().tags;
    const { proposals } = await proposalsOf(record('own.jsonl', reports));
    // On a busy machine the page itself may be proposed as well.
    const proposal = proposals.find(({ line }) => line === 1);
    expect(proposal).toMatchObject({ template: 'page', line: 1, uses: 300, hits: tag?.hits });
    expect((proposal?.perUse as number) * 300).toBeCloseTo(tag?.netBenefit as number);
    expect(proposal?.action).toBe((tag?.netBenefit as number) < 0 ? 'drop' : 'keep');
  });

  test('is read by people', async () => {
    const { out, code } = await cli([
      'plan',
      record(
        'text.jsonl',
        times(100, () => render([fragment(7, { cost: 0.01, lookup: 0.03 })])),
      ),
    ]);
    expect(out).toBe(
      'drop  page.njk:7\n      100 uses, 100 % hits; 20.0 ms gained in 1,000; saves 1.0 ms, and looking for it takes 3.0 ms\n100 renders, 1 proposals\n',
    );
    expect(code).toBe(1);
  });

  test('reads several files, leaves out lines that are no reports, and says how many', async () => {
    const good = render([fragment(1, {})]);
    const first = record('first.jsonl', [good, { template: 'x' }, [], null]);
    const second = record('second.jsonl', [good]);
    writeFileSync(second, `${JSON.stringify(good)}\n\n${JSON.stringify(good).slice(0, 40)}`);
    const { renders, err, code } = await proposalsOf(first, second);
    expect(renders).toBe(2);
    expect(err).toBe('4 lines are no report, and left out\n');
    expect(code).toBe(0);
  });

  test.each([
    [['nowhere.jsonl'], /expected the path of a file, got .*nowhere\.jsonl, which is none/],
    [
      ['package.json'],
      /expected a file with a report in each line, as JSON, got .*which has none; record them with onRender/,
    ],
    [[], /missing required argument 'file'/],
  ])('%j is refused, and why', async (files, message) => {
    const { code, out, err } = await cli(['plan', ...files]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(message);
  });
});
