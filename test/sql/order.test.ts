import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { inTurn, sized } from '../support/long.ts';
import { databases, item, opener, texts, using } from './support.ts';

const open = opener();

/** A write, with the times between which it was under way. */
interface Write {
  readonly value: string;
  readonly begun: number;
  readonly over: number;
  readonly isAcknowledged: boolean;
}

describe.each(inTurn(databases, 'orders'))('on %s', (_name, start) => {
  const database = using(start);
  let stores: readonly ReturnType<typeof open>['store'][];
  beforeAll(() => {
    stores = Array.from({ length: 3 }, () => open(database().connect()).store);
  });

  test('of writes that hinder each other, of which many are given up, none stands whose time was over when an acknowledged one began', async () => {
    const locker = database().connect();
    let acknowledged = 0;
    let givenUp = 0;
    const rounds = sized(2, 200, 20);
    for (let round = 0; round < rounds; round++) {
      const key = `round${round}`;
      const writes: Write[] = [];
      const writing = stores.map(async (store, process) => {
        for (let i = 0; i < 15; i++) {
          const value = `${process}:${i}`;
          const begun = performance.now();
          const [isSet] = await store.setMany('token', [item(key, value)], { timeout: 3 + Math.random() * 40 });
          writes.push({ value, begun, over: performance.now(), isAcknowledged: isSet === true });
        }
      });
      const locking = (async () => {
        for (let i = 0; i < 5; i++) {
          await locker.transaction(async (transaction) => {
            await transaction('cachesweeper')
              .where({ k: `t:${key}` })
              .update({ size: 1 });
            await sleep(Math.random() * 60);
          });
          await sleep(Math.random() * 10);
        }
      })();
      await Promise.all([...writing, locking]);
      // Whatever is late has come.
      await sleep(60);
      const [stands] = await texts(stores[0] as (typeof stores)[0], [key]);
      const last = writes.find(({ value }) => value === stands);
      const younger = writes.filter(({ begun, isAcknowledged }) => isAcknowledged && begun > (last?.over ?? 0));
      expect(younger, `${stands} stands`).toEqual([]);
      acknowledged += writes.filter(({ isAcknowledged }) => isAcknowledged).length;
      givenUp += writes.filter(({ isAcknowledged }) => !isAcknowledged).length;
    }
    expect(acknowledged).toBeGreaterThan(rounds);
    expect(givenUp).toBeGreaterThan(rounds);
  }, 120_000);
});
