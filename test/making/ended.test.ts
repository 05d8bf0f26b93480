import { expect, test } from 'vitest';
import type { Settings } from '../../src/options.ts';
import { Maker } from '../../src/render/making/maker.ts';
import { ViewMaking } from '../../src/views/view-making.ts';
import { ViewMakings } from '../../src/views/view-makings.ts';
import { gate } from '../waiting/support.ts';

test('what ends while a request reads its tokens is not waited for: nobody would wake it', async () => {
  const makings = new ViewMakings(
    { wait: 60_000, now: Date.now } as Settings,
    { leases: undefined, release: () => {} },
    () => false,
  );
  const reading = gate<boolean>();
  const slot = {
    what: () => ({ memoryKey: 'view', variant: '', tokens: new Map() }),
    leaseKey: async () => '',
    findMeanwhile: async () => undefined,
    hasTokens: () => reading.promise,
  };
  const making = makings.enter(slot, new Maker(undefined, false), 0) as ViewMaking;
  const other = makings.enter(slot, new Maker(undefined, false), 0);
  making.release();
  reading.open(true);
  expect(await other).toBeInstanceOf(ViewMaking);
  expect(makings.counts).toMatchObject({ running: 0, waiting: 0 });
});
