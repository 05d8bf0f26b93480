import { isPlain } from '../../util/plain.ts';
import { HOLES } from '../reads/read-names.ts';

/** Steps from the variables of a visitor; the last one may be {@link WHOLE}. */
export type Path = readonly (string | typeof WHOLE)[];

/** Stands for all that is in a value. */
export const WHOLE: unique symbol = Symbol('whole');

const ALL = '*';
const WORD = /^[\w$-]+$/;

/** Whether a value is a list or an object whose members can be read one by one. */
export function isData(value: unknown): value is object {
  return Array.isArray(value) || (typeof value === 'object' && value !== null && isPlain(value));
}

/** Returns the name of a read, such as `holes.user.name`, or `holes.user.*` for all of it. */
export function readOf(path: Path): string {
  const steps = path.filter((step) => step !== WHOLE);
  const isWhole = steps.length < path.length;
  const name = steps.every((step) => WORD.test(step)) ? steps.join('.') : JSON.stringify(steps);
  return `${HOLES}.${name}${isWhole ? `.${ALL}` : ''}`;
}

/** What a read has found: a value, and whether all of it was read, and not only that it is there. */
export interface FoundVariable {
  readonly value: unknown;
  readonly isWhole: boolean;
}

/**
 * Returns what a read finds.
 *
 * @param rest the read's name behind its first step
 * @returns undefined if there is nothing
 */
export function foundIn(variables: object, rest: string): FoundVariable | undefined {
  const isWhole = rest.endsWith(`.${ALL}`);
  const name = isWhole ? rest.slice(0, -ALL.length - 1) : rest;
  let steps: readonly unknown[];
  try {
    steps = name.startsWith('[') ? (JSON.parse(name) as unknown[]) : name.split('.');
  } catch {
    return undefined;
  }
  let value: unknown = variables;
  for (const step of steps) {
    if (!isData(value) || !Object.hasOwn(value, step as string)) return undefined;
    value = Reflect.get(value, step as string);
  }
  return { value, isWhole };
}
