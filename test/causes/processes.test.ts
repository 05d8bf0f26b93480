import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { FragmentReport } from 'nunjucks-cachesweeper';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sized } from '../support/long.ts';
import { Memcached } from '../support/memcached.ts';

const SAVES = sized(200, 5_000, 1_000);
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

interface Save {
  readonly row: number;
  readonly request: string;
  readonly begun: number;
  done: number;
}

test(`two processes, ${SAVES} random saves, some at the same time: each miss names what caused it, or that it is unknown`, {
  timeout: 300_000,
}, async () => {
  let moment = 0;
  const saves: Save[] = [];
  const counts = { true: 0, unknown: 0, ofOther: 0 };
  const random = (below: number) => Math.floor(Math.random() * below);

  const save = async (step: number) => {
    const { url } = processes[random(2)]!;
    const row = random(ROWS);
    const request = `POST /save/${step}/${row}`;
    const one: Save = { row, request, begun: ++moment, done: Number.POSITIVE_INFINITY };
    saves.push(one);
    const answer = await fetch(`${url}/save/${step}/${row}?secret=1`, { method: 'POST' });
    expect(answer.status).toBe(200);
    one.done = ++moment;
  };
  /** Requests that may have been the last one to invalidate a row when a page read its token. */
  const possible = (row: number, begun: number, ended: number) => {
    const ofRow = saves.filter((each) => each.row === row && each.begun < ended);
    const before = Math.max(0, ...ofRow.filter(({ done }) => done < begun).map((each) => each.begun));
    return ofRow.filter(({ done }) => done > before).map(({ request }) => request);
  };
  const show = async (step: number) => {
    const of = random(2);
    const begun = ++moment;
    const answer = await fetch(`${processes[of]!.url}/page/${step}`);
    const fragments = (await answer.json()) as FragmentReport[];
    const ended = ++moment;
    fragments.forEach(({ outcome, cause }, i) => {
      if (outcome !== 'miss' || cause?.why !== 'bumped') return;
      const { bump } = cause;
      if (bump === undefined) {
        counts.unknown++;
        return;
      }
      const rows = i < ROWS ? [i] : [0, 1, 2, 3];
      expect(rows.flatMap((row) => possible(row, begun, ended))).toContain(bump.request);
      if (i < ROWS) expect(cause.name).toBe(`Comment:=${i}`);
      counts.true++;
      if (bump.process !== `${bump.process.split(':')[0]}:${processes[of]!.child.pid}`) counts.ofOther++;
    });
  };

  for (let step = 0; saves.length < SAVES; ) {
    const together = Array.from({ length: 1 + random(3) }, () => (random(2) === 0 ? save(step++) : show(step++)));
    await Promise.all(together);
  }
  expect(counts.true).toBeGreaterThan(SAVES / 20);
  expect(counts.ofOther).toBeGreaterThan(SAVES / 50);
});
