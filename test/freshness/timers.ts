import { vi } from 'vitest';

/** How much time passes at once, in milliseconds: as much as between two looks at the lease of another process. */
const AT_ONCE = 10;

/**
 * Runs something while no timer of the library fires: whether one does between two steps must not depend on how fast the machine is.
 *
 * @param run given what lets time pass until a promise settles
 */
export async function withoutTimers<T>(
  run: (pass: (end: Promise<unknown>) => Promise<void>) => Promise<T>,
): Promise<T> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  try {
    return await run(async (end) => {
      let isOver = false;
      const over = end.finally(() => {
        isOver = true;
      });
      while (!isOver) {
        await new Promise((resolve) => setImmediate(resolve));
        if (!isOver) await vi.advanceTimersByTimeAsync(AT_ONCE);
      }
      await over;
    });
  } finally {
    vi.useRealTimers();
  }
}
