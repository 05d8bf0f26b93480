import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Scenario, Told } from './scenario.ts';
import type { Ready, Request } from './side.ts';

export interface Ratio {
  /** Median of the paired ratios `ours / other`. */
  readonly ratio: number;
  /** Median microseconds of one run of each side; they say what this machine did, and are no claim. */
  readonly ours: number;
  readonly other: number;
}

const ROUNDS = 300;
/** Short, so that most rounds pass between two interruptions by whatever else the machine does. */
const ROUND_MILLISECONDS = 3;
const SIDE = fileURLToPath(new URL('./side.js', import.meta.url));

/**
 * Compares two sides run in turn, so that whatever else the machine does befalls both: each round gives one ratio, and
 * the median of the rounds is the result.
 */
export async function compare(group: string, index: number, scenario: Scenario, port: number): Promise<Ratio> {
  const ours = new SideProcess(group, index, 'ours', port);
  const other = new SideProcess(group, index, 'other', port);
  try {
    const ready = await ours.make({});
    const otherReady = await other.make(ready.told);
    const results = [ready.result, otherReady.result];
    if (results.every((result) => typeof result === 'number') && results[0] !== results[1]) {
      throw new Error(`${scenario.scenario}: the two sides do not render the same page`);
    }
    const runs = Math.max(1, Math.round(ROUND_MILLISECONDS / Math.max(ready.milliseconds, otherReady.milliseconds)));
    const rounds: { readonly ours: number; readonly other: number }[] = [];
    for (let round = 0; round < (scenario.rounds ?? ROUNDS); round++) {
      // Which side comes first alternates as well.
      const isOursFirst = round % 2 === 0;
      const first = await (isOursFirst ? ours : other).time(runs);
      const second = await (isOursFirst ? other : ours).time(runs);
      rounds.push(isOursFirst ? { ours: first, other: second } : { ours: second, other: first });
    }
    return {
      ratio: median(rounds.map((round) => round.ours / round.other)),
      ours: median(rounds.map((round) => round.ours)) * 1_000,
      other: median(rounds.map((round) => round.other)) * 1_000,
    };
  } finally {
    ours.end();
    other.end();
  }
}

class SideProcess {
  readonly #child: ChildProcess;
  readonly #failed: Promise<never>;

  constructor(group: string, index: number, which: 'ours' | 'other', port: number) {
    this.#child = fork(SIDE, [group, String(index), which, String(port)]);
    this.#failed = once(this.#child, 'exit').then(([code]) => {
      throw new Error(`${group}, scenario ${index}, ${which}: the process ended with ${code}`);
    });
    this.#failed.catch(() => {});
  }

  make(told: Told): Promise<Ready> {
    return this.#ask({ make: told }) as Promise<Ready>;
  }

  time(runs: number): Promise<number> {
    return this.#ask({ runs }) as Promise<number>;
  }

  end(): void {
    this.#child.kill();
  }

  async #ask(request: Request): Promise<unknown> {
    this.#child.send(request);
    const [answer] = await Promise.race([once(this.#child, 'message'), this.#failed]);
    return answer;
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}
