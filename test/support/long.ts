/** Whether this is `npm run test:long`: the same tests, for as long as it takes to be sure. */
export const isLong: boolean = process.env.LONG === '1';

/** A size for everyday, and one for `npm run test:long`. */
export function sized(everyday: number, long: number): number {
  return isLong ? long : everyday;
}
