import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { FragmentReport } from 'nunjucks-cachesweeper';
import type { ViewReport } from 'nunjucks-cachesweeper/express';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sized } from '../support/long.ts';
import { Memcached } from '../support/memcached.ts';
import { History } from './history.ts';

const SAVES = sized(60, 5_000, 1_000);
const ROWS = 4;

let memcached: Memcached;
let processes: { readonly child: ChildProcess; readonly url: string }[];
beforeAll(async () => {
  memcached = await Memcached.start();
  processes = await Promise.all([0, 1].map(() => start()));
});
afterAll(async () => {
  await Promise.all(
    processes.map(({ child }) => {
      const ended = once(child, 'exit');
      child.disconnect();
      return ended;
    }),
  );
  await memcached.stop();
});

async function start() {
  const env = { ...process.env, CACHESWEEPER_STORE: memcached.url };
  const child = fork(fileURLToPath(new URL('worker.mjs', import.meta.url)), { env });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return { child, url: `http://127.0.0.1:${port}` };
}

const random = (below: number) => Math.floor(Math.random() * below);

/** Sends a request that changes something, to one of the processes. */
async function change(history: History, name: string, path: string): Promise<void> {
  await history.change(name, `POST ${path}`, async () => {
    const answer = await fetch(`${processes[random(2)]!.url}${path}?secret=1`, { method: 'POST' });
    expect(answer.status).toBe(200);
  });
}

/** Asks one of the processes for what was reported. */
async function reported<T>(history: History, path: string, { url, child } = processes[random(2)]!) {
  const begun = history.now();
  const answer = await fetch(url + path);
  const told = (await answer.json()) as T;
  return { told, begun, ended: history.now(), process: child.pid };
}

/** Changes and shows at random, up to three at one time. */
async function run(history: History, save: (step: number) => Promise<void>, show: (step: number) => Promise<void>) {
  for (let step = 0; history.length < SAVES; ) {
    const together = Array.from({ length: 1 + random(3) }, () => (random(2) === 0 ? save(step++) : show(step++)));
    await Promise.all(together);
  }
}

/** Whether another process has done what a cause tells. */
function isOfOther(done: { readonly process: string }, pid: number | undefined): boolean {
  return done.process !== `${done.process.split(':')[0]}:${pid}`;
}

test(`two processes, ${SAVES} random saves, some at the same time: each miss names what caused it, or that it is unknown`, {
  timeout: 300_000,
}, async () => {
  const history = new History();
  const counts = { true: 0, ofOther: 0 };
  const save = async (step: number) => {
    const row = random(ROWS);
    await change(history, `Comment:=${row}`, `/save/${step}/${row}`);
  };
  const show = async (step: number) => {
    const { told, begun, ended, process } = await reported<FragmentReport[]>(history, `/page/${step}`);
    told.forEach(({ outcome, cause }, i) => {
      if (outcome !== 'miss' || cause?.why !== 'bumped' || cause.bump === undefined) return;
      const rows = i < ROWS ? [i] : [0, 1, 2, 3];
      const possible = rows.flatMap((row) => history.possible(`Comment:=${row}`, begun, ended));
      expect(possible).toContain(cause.bump.request);
      if (i < ROWS) expect(cause.name).toBe(`Comment:=${i}`);
      counts.true++;
      if (isOfOther(cause.bump, process)) counts.ofOther++;
    });
  };
  await run(history, save, show);
  expect(counts.true).toBeGreaterThan(SAVES / 20);
  expect(counts.ofOther).toBeGreaterThan(SAVES / 50);
});

const VIEWS = [...Array(ROWS).keys(), 'all'] as const;

/** Saves a row or expires a view. */
async function changeView(history: History, step: number): Promise<void> {
  const view = VIEWS[random(VIEWS.length)];
  const row = random(ROWS);
  if (random(3) === 0) await change(history, `@view:=path:/view/${view}`, `/expire/${step}/${view}`);
  else await change(history, `Comment:=${row}`, `/save/${step}/${row}`);
}

/** Returns the names on which a view depends that are changed here: its own, and those of the rows that it shows. */
function namesOf(view: (typeof VIEWS)[number]): readonly string[] {
  const rows = view === 'all' ? [0, 1, 2, 3] : [view];
  return [`@view:=path:/view/${view}`, ...rows.map((row) => `Comment:=${row}`)];
}

test(`${SAVES} random saves and expiries, some at the same time: each miss of a whole view names what caused it, or that it is unknown`, {
  timeout: 300_000,
}, async () => {
  const history = new History();
  const counts = { true: 0, ofOther: 0 };
  const show = async (step: number) => {
    const view = VIEWS[random(VIEWS.length)]!;
    const { told, begun, ended, process } = await reported<ViewReport>(history, `/reported/${view}?step=${step}`);
    const { outcome, cause } = told;
    expect(['hit', 'miss']).toContain(outcome);
    if (outcome !== 'miss' || cause?.why !== 'bumped' || cause.bump === undefined) return;
    expect(namesOf(view)).toContain(cause.name);
    expect(history.possible(cause.name as string, begun, ended)).toContain(cause.bump.request);
    counts.true++;
    if (isOfOther(cause.bump, process)) counts.ofOther++;
  };
  await run(history, (step) => changeView(history, step), show);
  expect(counts.true).toBeGreaterThan(SAVES / 20);
  expect(counts.ofOther).toBeGreaterThan(SAVES / 50);
});

test('one after the other: a miss of a whole view names a request that has changed it since its process has shown it last', {
  timeout: 300_000,
}, async () => {
  const history = new History();
  const idle = () => Promise.all(processes.map(({ url }) => fetch(`${url}/idle`)));
  /** When each view was last shown, by any process and by each. */
  const shown = new Map<string, number>();
  const counts = { hit: 0, bumped: 0 };
  const show = async (step: string, view: (typeof VIEWS)[number], one: (typeof processes)[number]) => {
    const { told, ended, process } = await reported<ViewReport>(history, `/reported/${view}?step=${step}`, one);
    const changedSince = (key: string) => history.since(namesOf(view), shown.get(key) ?? 0);
    const { outcome, cause } = told;
    if (outcome === 'hit') {
      counts.hit++;
      expect(changedSince(`${view}`)).toEqual([]);
    } else if (cause?.why === 'bumped') {
      counts.bumped++;
      expect(changedSince(`${process} ${view}`)).toContain(cause.bump?.request);
    }
    for (const key of [`${view}`, `${process} ${view}`]) shown.set(key, ended);
  };

  // Before, they may have anything.
  for (const one of processes) for (const view of VIEWS) await reported(history, `/reported/${view}?step=first`, one);
  for (const key of VIEWS.flatMap((view) => [`${view}`, ...processes.map(({ child }) => `${child.pid} ${view}`)]))
    shown.set(key, history.now());
  await idle();
  for (let step = 0; history.length < sized(60, 2_000, 400); step++) {
    if (random(2) === 0) await changeView(history, step);
    else await show(`${step}`, VIEWS[random(VIEWS.length)]!, processes[random(2)]!);
    await idle();
  }
  expect(Math.min(counts.hit, counts.bumped)).toBeGreaterThan(0);
});
