import type * as timers from 'node:timers/promises';

/** What waiting is while the library is explored: one more step. Otherwise it takes its time. */
export const sleeper: { sleep: (() => Promise<void>) | undefined } = { sleep: undefined };

/** In place of `node:timers/promises`, by `vi.mock`. */
export function scheduledTimers(original: typeof timers): Pick<typeof timers, 'setTimeout'> {
  return {
    setTimeout: async <T>(delay?: number, value?: T, options?: object): Promise<T> => {
      if (sleeper.sleep === undefined) return original.setTimeout(delay, value, options) as Promise<T>;
      await sleeper.sleep();
      return value as T;
    },
  };
}
