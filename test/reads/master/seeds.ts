import fc from 'fast-check';

/**
 * What a piece of a template is made from: `kind` chooses the construct, `a` and `b` its details, `kids` are the pieces in
 * it. Kind 0 is "its kids, one after the other", so that what shrinks loses a construct and keeps what stood in it.
 */
export interface Seed {
  readonly kind: number;
  readonly a: number;
  readonly b: number;
  readonly kids: readonly Seed[];
}

export const NOTHING: Seed = { kind: 0, a: 0, b: 0, kids: [] };

const number = fc.noBias(fc.nat(9_999));
const leaf = fc.record({ kind: number, a: number, b: number, kids: fc.constant<readonly Seed[]>([]) });

/** A piece of a template, at most `depth` constructs in each other. */
export function seed(depth: number): fc.Arbitrary<Seed> {
  if (depth === 0) return leaf;
  const kids = fc.array(seed(depth - 1), { minLength: 0, maxLength: 3, size: 'max' });
  return fc.record({ kind: number, a: number, b: number, kids: fc.noBias(kids) });
}

export function seeds(depth: number, maxLength: number): fc.Arbitrary<readonly Seed[]> {
  return fc.noBias(fc.array(seed(depth), { minLength: 1, maxLength, size: 'max' }));
}

/** One of a list, by a number of any size. */
export function pick<T>(list: readonly T[], by: number): T {
  return list[by % list.length] as T;
}
