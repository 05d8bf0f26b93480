import type { CacheSweeperError } from '../../errors.ts';
import type { Node } from '../nunjucks.ts';
import type { FragmentAnalysis } from './analysis.ts';
import { type Allowed, coverage } from './covered.ts';
import { exceptPaths } from './except.ts';
import { type BodyFacts, checkBody, type Rules } from './tag-site.ts';
import { type Refuse, templateError } from './template-error.ts';

/** What a fragment's arguments say, and what its body is. */
export interface CheckedFragment extends Allowed, BodyFacts {
  readonly privateArguments: readonly number[];
  readonly except: readonly (readonly string[])[];
}

/**
 * Checks a fragment: its arguments, its body, and what is around it.
 *
 * @param from path of its template; undefined while that is precompiled
 */
export function checkFragment(
  { written, uses, usedBehind }: FragmentAnalysis,
  from: string | undefined,
  rules: Rules,
  refuse: Refuse,
): CheckedFragment {
  if (usedBehind !== undefined) refuse(usedBehindError(usedBehind));
  const { at, args } = written;
  const [model, , ...keys] = args.operands as [Node, Node, ...Node[]];
  const except = exceptPaths(args.keywords.get('except'), at, rules.privateNames, refuse);
  const covered = coverage(model, keys, args.keywords.get('when'), rules.privateNames);
  return { ...covered, except, ...checkBody(uses, from, at, covered, rules, refuse) };
}

function usedBehindError({ name, at }: NonNullable<FragmentAnalysis['usedBehind']>): CacheSweeperError {
  return templateError(
    'CACHESWEEPER_BAD_TAG',
    `${name} is used here and defined in a fragment above, whose body is not run on a hit: define it before the fragment`,
    at,
  );
}
