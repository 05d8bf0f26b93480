import type { Ratio } from './ratio.ts';

/** One line of the table. */
export interface Row {
  readonly scenario: string;
  /** What it is measured against, in the same run. */
  readonly floor: string;
  /** The ratio that must not be exceeded; absent where there is no goal. */
  readonly goal?: number;
  readonly ratio: number;
  /** What this machine did, for the record. */
  readonly ours: string;
  readonly other: string;
  /** Said below the table where the goal is missed for a reason. */
  readonly note?: string;
}

export function row(scenario: string, floor: string, { ratio, ours, floor: other }: Ratio, goal?: number): Row {
  return {
    scenario,
    floor,
    ratio,
    ours: `${microseconds(ours)} µs`,
    other: `${microseconds(other)} µs`,
    ...(goal === undefined ? {} : { goal }),
  };
}

function microseconds(value: number): string {
  return value < 10 ? value.toFixed(1) : value.toFixed(0);
}
