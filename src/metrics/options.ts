import type { Listeners } from '../listeners.ts';
import { partsOf } from '../sweeper/parts.ts';
import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';

/** Limit of tags, and of views, that have labels of their own. */
const DEFAULT_MAX_TAGS = 100;

/** Checks that metrics are made for an object of options. */
export function checkObject(where: string, options: unknown): void {
  if (typeof options === 'object' && options !== null) return;
  throw badOption(where, 'an object of options', describe(options));
}

/** Returns what passes on the reports of a sweeper. */
export function checkedListeners(where: string, sweeper: object): Listeners {
  const listeners = typeof sweeper === 'object' && sweeper !== null ? partsOf(sweeper)?.listeners : undefined;
  if (listeners !== undefined) return listeners;
  throw badOption(`${where} sweeper`, 'a CacheSweeper', describe(sweeper));
}

export function checkedMaxTags(where: string, value: unknown): number {
  if (value === undefined) return DEFAULT_MAX_TAGS;
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw badOption(`${where} maxTags`, 'a whole number', describe(value));
}

/** Whether an object has these methods. */
export function hasMethods(value: unknown, ...names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
}
