import { expect, test } from 'vitest';
import { Deadline } from '../../src/util/deadline.ts';
import { IdleWatch } from '../support/stopwatch.ts';

const LENGTH = 100;

function beBusy(milliseconds: number): void {
  for (const end = performance.now() + milliseconds; performance.now() < end; );
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** A deadline that began now. */
function open(latest?: number) {
  const state = { hasPassed: false };
  const begun = performance.now();
  const passed = new Promise<number>((resolve) => {
    const deadline = new Deadline(
      LENGTH,
      () => {
        state.hasPassed = true;
        resolve(performance.now() - begun);
      },
      latest,
    );
    Object.assign(state, { clear: () => deadline.clear() });
  });
  return { state: state as typeof state & { clear(): void }, passed };
}

test('a deadline does not count the time in which its process was busy', async () => {
  const { state, passed } = open();
  const idle = new IdleWatch();
  for (let i = 0; i < 10; i++) {
    beBusy(LENGTH / 5);
    await nextTurn();
  }
  expect(state.hasPassed).toBe(false);
  await passed;
  // An idle timer is a millisecond early at times, and a share is not put off.
  expect(idle.stop()).toBeGreaterThan(LENGTH / 2);
});

test.each([
  [undefined, 10 * LENGTH],
  [2 * LENGTH, 2 * LENGTH],
])('a deadline with the latest time %s has passed after %d ms, however busy its process is', async (latest, most) => {
  const { state } = open(latest);
  const begun = performance.now();
  while (!state.hasPassed && performance.now() - begun < 100 * LENGTH) {
    beBusy(LENGTH / 10);
    await nextTurn();
  }
  const took = performance.now() - begun;
  expect(took).toBeGreaterThan(most - 1);
  expect(state.hasPassed).toBe(true);
});

test('a deadline that is cleared after its timer has fired does not pass', async () => {
  const { state } = open(LENGTH);
  // Right behind its own timer: it gives an answer that has arrived the time to be read.
  const fired = new Promise((resolve) => setTimeout(resolve, LENGTH));
  beBusy(2 * LENGTH);
  await fired;
  state.clear();
  for (let i = 0; i < 3; i++) await nextTurn();
  expect(state.hasPassed).toBe(false);
});
