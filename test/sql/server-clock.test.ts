import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ServerClock } from '../../src/stores/sql/server-clock.ts';

test('a clock that nothing was learnt of tells nothing', () => {
  expect(new ServerClock().at(performance.now())).toBeUndefined();
  expect(new ServerClock().isBefore(Number.MAX_VALUE)).toBe(false);
});

test('a deadline is never late, and early by a round trip at most, whatever the trips take and however the clocks differ', () => {
  const trip = fc.record({ to: fc.integer({ min: 0, max: 500 }), back: fc.integer({ min: 0, max: 500 }) });
  fc.assert(
    fc.property(fc.array(trip, { minLength: 1 }), fc.integer({ min: -1e12, max: 1e12 }), (trips, offset) => {
      const clock = new ServerClock();
      let local = performance.now() - 1_000 * trips.length;
      for (const { to, back } of trips) {
        clock.observe(local + to + offset, local, local + to + back);
        local += to + back;
      }
      const deadline = performance.now() + 200;
      const told = clock.at(deadline) as number;
      const longest = Math.max(...trips.map(({ to, back }) => to + back));
      expect(told).toBeLessThanOrEqual(deadline + offset + 0.01);
      expect(told).toBeGreaterThanOrEqual(deadline + offset - longest - 0.01);
      // What is certain to be ahead is ahead.
      const ahead = performance.now() + offset + longest + 100;
      expect(clock.isBefore(ahead)).toBe(true);
      expect(clock.isBefore(performance.now() + offset - 0.01)).toBe(false);
    }),
  );
});

test('the quickest answer of the last seconds counts, and none that is a minute old', () => {
  const clock = new ServerClock();
  const now = performance.now();
  clock.observe(10_000, now - 10, now);
  clock.observe(10_050, now, now + 100);
  expect(clock.at(now)).toBe(10_000);
  const old = new ServerClock();
  old.observe(10_000, now - 61_010, now - 61_000);
  expect(old.at(now)).toBeUndefined();
  old.observe(10_000, now - 50_500, now - 50_000);
  old.observe(70_000, now - 900, now);
  expect(old.at(now)).toBe(70_000);
});

test.each([
  ['set back', -3_600_000],
  ['set forward, or went on while this machine slept', 3_600_000],
])('an answer by which the clock was %s counts at once, however slow it was', (_what, moved) => {
  const clock = new ServerClock();
  const now = performance.now();
  clock.observe(10_000, now - 1, now);
  clock.observe(10_100 + moved, now, now + 100);
  expect(clock.at(now + 100)).toBe(10_100 + moved);
});
