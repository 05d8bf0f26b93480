import { groups } from './groups.ts';
import type { Side, Told } from './scenario.ts';

/** What the process that compares sends, and gets: see ratio.ts. */
export type Request = { readonly make: Told } | { readonly runs: number };
export interface Ready {
  /** Milliseconds of one run, once the code is compiled. */
  readonly milliseconds: number;
  readonly told: Told;
  readonly result: unknown;
}

/** A site renders for days: the code is measured as V8 leaves it, which takes thousands of runs. */
const WARM_UP_MILLISECONDS = 1_500;
const WARM_UP_RUNS = 8_000;

/** One side of one scenario, in a process of its own: what V8 learns from one side shall not slow the other. */
const [group, index, which, port] = process.argv.slice(2) as [string, string, 'ours' | 'other', string];
const scenario = groups[group]?.scenarios[Number(index)];
if (scenario === undefined) throw new Error(`no scenario ${index} in ${group}`);

let side: Side;
process.on('message', async (request: Request) => {
  process.send?.('make' in request ? await make(request.make) : await timed(request.runs));
});

async function make(told: Told): Promise<Ready> {
  const made = which === 'ours' ? await scenario?.ours(Number(port)) : await scenario?.other(Number(port), told);
  side = made?.side as Side;
  const result = await side();
  const started = performance.now();
  let runs = 0;
  while (runs < WARM_UP_RUNS && performance.now() < started + WARM_UP_MILLISECONDS) {
    const running = side();
    if (running instanceof Promise) await running;
    runs++;
  }
  return { milliseconds: (performance.now() - started) / runs, told: made?.told ?? {}, result };
}

/** Milliseconds of one run. */
async function timed(runs: number): Promise<number> {
  const started = performance.now();
  for (let i = 0; i < runs; i++) {
    const running = side();
    // One run after the other, as one visitor would ask; what answers at once is not waited for.
    if (running instanceof Promise) await running;
  }
  return (performance.now() - started) / runs;
}
