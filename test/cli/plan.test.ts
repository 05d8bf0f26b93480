import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import nunjucks from 'nunjucks';
import { CacheSweeper, type FragmentReport, type RenderReport } from 'nunjucks-cachesweeper';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { linesOf } from '../../src/cli/plan/lines.ts';
import { runs } from '../support/long.ts';
import { renderPage } from '../support/render.ts';
import { cli, root } from './support.ts';

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

function render(fragments: readonly FragmentReport[], milliseconds = 0.5, waited = 0): RenderReport {
  const costs = fragments.reduce((sum, { cost }) => sum + cost, 0);
  const shared = fragments.map((one) => {
    const share = (waited * one.cost) / costs;
    return { ...one, lookup: one.lookup + share, netBenefit: one.netBenefit - share };
  });
  return { template: 'page.njk', passes: 1, roundTrips: 0, time: 0, milliseconds, waited, fragments: shared };
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
    const slow = times(150, () => render([fragment(1, { cost: 5, lookup: 0.05 })], 12.1, 0.05));
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

  test('keeps a tag that saves less than the page waits: it waits for its other tags anyhow', async () => {
    const both = times(100, () => render([fragment(1, { cost: 10 }), fragment(2, { cost: 0.3 })], 2, 1));
    const { proposals } = await proposalsOf(record('both.jsonl', both));
    expect(proposals.map(({ action, line }) => [action, line])).toEqual([
      ['keep', 1],
      ['keep', 2],
    ]);
    expect(proposals[1]?.perUse).toBeCloseTo(0.29);
  });

  test('proposes to drop all tags of a page which together save less than waiting for the store takes', async () => {
    const cheap = times(100, () => render([fragment(1, { cost: 0.2 }), fragment(2, { cost: 0.3 })], 1.5, 1));
    const { proposals } = await proposalsOf(record('cheap.jsonl', cheap));
    expect(proposals[0]).toMatchObject({
      action: 'drop',
      template: 'page.njk',
      line: 0,
      uses: 100,
      why: 'all tags of the page together save 48 ms, and waiting for the store takes 100 ms',
    });
    expect(proposals[0]?.gain).toBeCloseTo(100 - 48);
  });

  test.each(['when', 'disabled', 'unknown token', 'outage'] as const)(
    'leaves out uses that tell nothing of their tag: %s',
    async (reason) => {
      const outcome = reason === 'outage' ? 'hit' : 'uncached';
      const away = times(500, () => render([fragment(1, { outcome, reason, lookup: 0.1 })], 20, 20));
      const good = times(100, () => render([fragment(1, { cost: 5 })]));
      const { proposals, err } = await proposalsOf(record('aside.jsonl', [...away, ...good]));
      expect(proposals).toMatchObject([{ action: 'keep', line: 1, uses: 100, hits: 100 }]);
      expect(err).toContain('500 uses of tags left out: caching was switched off for them (when=, enabled)');
    },
  );

  test('proposes to mend a tag whose variants push each other out of memory', async () => {
    const unseen = 'page.njk:1: name what varies as a key';
    const pushed = times(100, () => render([fragment(1, { outcome: 'miss', cost: 9, unseen })]));
    const { proposals } = await proposalsOf(record('pushed.jsonl', pushed));
    expect(proposals).toMatchObject([{ action: 'mend', why: `100 of 100 stored in the place of another: ${unseen}` }]);
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
      'drop  page.njk:7\n      100 uses, 100 % hits; 20 ms gained in 1,000; saves 1 ms, looking for it takes 3 ms\n100 renders, 1 proposal\n',
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

  test('reads what another program pipes into it, and files of which some are empty', async () => {
    const path = join(folder, 'piped.jsonl');
    // Written on Windows, with a byte order mark.
    writeFileSync(path, `\ufeff${JSON.stringify(render([fragment(1, {})]))}\r\n`);
    const script = 'cat "$1" | "$2" "$3" plan "$4" /dev/stdin';
    const command = [process.execPath, `${root}dist/cli/main.js`];
    const child = execFile('sh', ['-c', script, 'sh', path, ...command, record('empty.jsonl', [])]);
    let out = '';
    child.stdout?.on('data', (data) => {
      out += data;
    });
    const [code] = await once(child, 'close');
    expect([code, out]).toEqual([0, expect.stringContaining('1 renders, 1 proposal\n')]);
  });

  test('takes no line for a report whose values are none', async () => {
    const good = render([fragment(1, {})]);
    const [one] = good.fragments;
    const wrong = [
      { ...good, milliseconds: -1 },
      { ...good, waited: 1e300 },
      { ...good, template: 'a'.repeat(2_000) },
      ...[{ cost: -1 }, { lookup: null }, { line: 1.5 }, { reason: {} }, { unseen: 5 }, { outcome: 'lost' }].map(
        (values) => ({ ...good, fragments: [{ ...one, ...values }] }),
      ),
    ];
    const { renders, err } = await proposalsOf(record('wrong.jsonl', [...wrong, good]));
    expect([renders, err]).toEqual([1, `${wrong.length} lines are no report, and left out\n`]);
  });

  test('keeps no line that is longer than it may be, wherever the file is cut into chunks', async () => {
    const path = join(folder, 'lines');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.stringMatching(/^[a-zé]{0,12}$/)), fc.boolean(), async (lines, isEnded) => {
        writeFileSync(path, lines.join('\n') + (isEnded ? '\n' : ''));
        const read: (string | undefined)[] = [];
        for await (const line of linesOf(path, 5, 3)) read.push(line);
        const expected = lines.map((line) => (line.length > 5 ? undefined : line));
        // What stands behind the last line break is a line unless it is empty.
        if (!isEnded && expected.at(-1) === '') expected.pop();
        expect(read).toEqual(lines.length === 0 && isEnded ? [''] : expected);
      }),
      runs(30, 2_000, 300),
    );
  });

  test.each([
    [['nowhere.jsonl'], /expected the path of a file, got .*nowhere\.jsonl, which is none/],
    [['package.json'], /expected a report in each line, as JSON, got none in .*; record them with onRender/],
    [[], /missing required argument 'file'/],
  ])('%j is refused, and why', async (files, message) => {
    const { code, out, err } = await cli(['plan', ...files]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(message);
  });
});
