import fc from 'fast-check';
import { lazy } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterEach, expect, test, vi } from 'vitest';
import { runs } from '../support/long.ts';
import { Article } from '../support/models.ts';
import { Clock, gate, SETTLED, Site } from '../waiting/support.ts';

afterEach(() => void vi.restoreAllMocks());

/** Seconds of `ttl` and of `stale=`, of the rows 1, 2 and 3. */
const LIVES = { 1: [20, 10], 2: [25, 15], 3: [30, 0] } as const;
const tag = (row: 1 | 2 | 3, body: string) =>
  `{% cachesweeper row${row} ${LIVES[row][0]} stale=${LIVES[row][1]} %}${body}{{ load(${row}) }}{% endcachesweeper %}`;
const templates = {
  'one.njk': tag(1, ''),
  'two.njk': tag(2, '{% include "one.njk" %}'),
  'three.njk': tag(3, '{{ part() | safe }}'),
  'both.njk': `${tag(3, '{% include "two.njk" %}')}{% include "one.njk" %}`,
};
const names = Object.keys(templates);
type Row = keyof typeof LIVES;

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('visit' as const),
      process: fc.nat(1),
      name: fc.nat(3),
      ahead: fc.nat(3),
      crowd: fc.nat(2),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('load' as const), which: fc.nat(9), fails: fc.nat(4) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), time: fc.integer({ min: 1, max: 2_000 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('save' as const), process: fc.nat(1), row: fc.integer({ min: 1, max: 3 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('idle' as const), time: fc.integer({ min: 1_000, max: 32_000 }) }),
  },
);

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

interface Visit {
  readonly number: number;
  readonly began: number;
  readonly acknowledged: readonly number[];
  failed: boolean;
  readonly page: Promise<string | Error>;
}

/** What became of all fragments. */
const seen = new Map<string, number>();

async function play(steps: readonly Step[], kind: 'process' | 'store' | 'memoryless', faults: readonly number[]) {
  const clock = new Clock();
  const shared = new TestingStore({ now: clock.now });
  let calls = 0;
  const script = () => {
    const fault = faults[calls++ % Math.max(1, faults.length)];
    return fault === 1 ? { outcome: 'unknown' as const } : fault === 2 ? { outcome: 'lost' as const } : undefined;
  };
  let isFaulty = false;
  const options = () => ({
    now: clock.now,
    wait: '60s',
    early: 1,
    ...(kind === 'process'
      ? {}
      : { store: new TestingStore({ now: clock.now, shared, script: () => (isFaulty ? script() : undefined) }) }),
    ...(kind === 'memoryless' ? { memory: false as const } : {}),
  });
  const sites = (kind === 'process' ? [0] : [0, 1]).map(() => new Site(templates, options()));
  const siteOf = (process: number) => sites[process % sites.length] as Site;
  const rows = [0, 1, 2, 3].map((id) => new Article(id));
  const version = [0, 0, 0, 0];
  const acknowledged = [0, 0, 0, 0];
  const loads: {
    readonly row: number;
    readonly version: number;
    readonly gate: ReturnType<typeof gate<string>>;
    readonly visit: { failed: boolean; number: number };
  }[] = [];
  const visits: Visit[] = [];
  let longest = 0;

  const visit = (process: number, name: string) => {
    const own = { number: visits.length, failed: false };
    const site = siteOf(process);
    const load = lazy((row: number) => {
      const started = { row, version: version[row] as number, gate: gate<string>(), visit: own };
      loads.push(started);
      return started.gate.promise;
    });
    const context: Record<string, unknown> = { row1: rows[1], row2: rows[2], row3: rows[3], load };
    context.part = lazy(() => site.sweeper.render(site.env, 'two.njk', context));
    const began = clock.time;
    const page = site.sweeper.render(site.env, name, context, { since: began }).catch((error: Error) => error);
    void page.then(() => {
      longest = Math.max(longest, clock.time - began);
    });
    const made = Object.assign(own, { began, acknowledged: [...acknowledged], page });
    visits.push(made);
  };
  const end = (load: (typeof loads)[number], fails: boolean) => {
    if (fails) {
      load.visit.failed = true;
      load.gate.fail(new Error(`of visit ${load.visit.number}.`));
    } else load.gate.open(`(${load.row}:${load.version}:${clock.time})`);
  };
  const settled = async () => {
    for (let i = 0; i < 12; i++) await new Promise((resolve) => setImmediate(resolve));
  };
  const drain = async () => {
    let isDone = false;
    void Promise.all(visits.map(({ page }) => page)).then(() => {
      isDone = true;
    });
    await vi.waitUntil(
      () => {
        clock.advance(50);
        for (const load of loads.splice(0)) end(load, false);
        return isDone;
      },
      { interval: 1, timeout: 15_000 },
    );
  };

  for (const row of [1, 2, 3]) await sites[0]?.sweeper.invalidateCacheFor(rows[row]);
  clock.advance(SETTLED);
  isFaulty = true;
  for (const one of steps) {
    if (one.do === 'visit') {
      vi.spyOn(Math, 'random').mockReturnValue(1 - Math.exp(-one.ahead));
      for (let i = 0; i <= one.crowd; i++) {
        visit(one.process + i, names[one.name] as string);
        await settled();
      }
    } else if (one.do === 'load') {
      // One of them, or all.
      const some = one.which > 6 ? loads.splice(0) : loads.splice(one.which % Math.max(1, loads.length), 1);
      for (const load of some) end(load, one.fails === 0);
    } else if (one.do === 'pass') clock.advance(one.time);
    else if (one.do === 'idle') {
      await drain();
      clock.advance(one.time);
    } else {
      const row = one.row as Row;
      version[row] = (version[row] as number) + 1;
      const now = version[row] as number;
      const isLost = await siteOf(one.process)
        .sweeper.invalidateCacheFor(rows[row])
        .then(
          () => false,
          () => true,
        );
      if (!isLost) acknowledged[row] = now;
      // Data that is read within a second of a bump counts as read before it.
      clock.advance(1_100);
    }
    await settled();
  }
  isFaulty = false;
  await drain();
  for (const { began, acknowledged: atLeast, page, failed, number } of visits) {
    const html = await page;
    if (html instanceof Error) {
      expect([failed, html.message]).toEqual([true, expect.stringContaining(`of visit ${number}.`)]);
      continue;
    }
    expect(html).toMatch(/^(\(\d:\d+:\d+\))+$/);
    for (const [, row, shown, time] of html.matchAll(/\((\d):(\d+):(\d+)\)/g)) {
      expect(Number(shown)).toBeGreaterThanOrEqual(atLeast[Number(row)] as number);
      const [ttl, stale] = LIVES[Number(row) as Row];
      expect(began).toBeLessThanOrEqual(Number(time) + (ttl + stale) * 1_000 + longest);
    }
  }
  for (const { sweeper, reports } of sites) {
    await sweeper.idle();
    for (const { fragments } of reports) {
      for (const { outcome, reason } of fragments) seen.set(reason ?? outcome, (seen.get(reason ?? outcome) ?? 0) + 1);
    }
    const { running, waiting, coalesced } = sweeper.stats().making;
    expect({ running, waiting }).toEqual({ running: 0, waiting: 0 });
    seen.set('coalesced', (seen.get('coalesced') ?? 0) + coalesced);
    await sweeper.close();
  }
}

test('early, stale, failing loads, saves and a store that does not answer, in any order: each page is right, fails by its own loads alone, and ends', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 10, maxLength: 60 }),
      fc.constantFrom('process' as const, 'store' as const, 'memoryless' as const),
      fc.oneof(fc.constant([]), fc.array(fc.constantFrom(0, 0, 0, 0, 0, 1, 2), { minLength: 5, maxLength: 40 })),
      play,
    ),
    runs(25, 3_000, 150),
  );
  // Pages of other kinds would prove nothing.
  expect(seen.get('hit')).toBeGreaterThan(10);
  expect(seen.get('coalesced')).toBeGreaterThan(10);
}, 400_000);
