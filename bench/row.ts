import type { Ratio } from './ratio.ts';
import type { Scenario } from './scenario.ts';

/** One line of the table. */
export interface Row extends Pick<Scenario, 'scenario' | 'floor' | 'goal' | 'reason'> {
  readonly ratio: number;
  /** What this machine did, for the record. */
  readonly ours: string;
  readonly other: string;
  /** A goal that is no ratio. */
  readonly wanted?: { readonly text: string; readonly isMet: boolean };
}

export function row({ scenario, floor, goal, reason, fragments }: Scenario, { ratio, ours, other }: Ratio): Row {
  return {
    scenario,
    floor,
    ratio,
    ours: shown(ours, fragments),
    other: shown(other, fragments),
    ...(goal === undefined ? {} : { goal }),
    ...(reason === undefined ? {} : { reason }),
  };
}

function shown(microseconds: number, fragments: number | undefined): string {
  if (fragments !== undefined) return `${(microseconds / fragments).toFixed(2)} µs each`;
  return `${microseconds < 10 ? microseconds.toFixed(1) : microseconds.toFixed(0)} µs`;
}
