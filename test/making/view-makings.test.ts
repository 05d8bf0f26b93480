import { expect, test } from 'vitest';
import { Maker } from '../../src/render/making/maker.ts';
import { ViewMaking } from '../../src/views/view-making.ts';
import { ViewMakings } from '../../src/views/view-makings.ts';

const settings = { wait: 3_600_000, now: () => 0 } as ConstructorParameters<typeof ViewMakings>[0];

const wanted = (meantime: () => void = () => {}) => ({
  what: () => ({ memoryKey: 'key', variant: '', about: undefined, tokens: new Map() }),
  hasTokens: async () => {
    meantime();
    return true;
  },
  findMeanwhile: async () => undefined,
  leaseKey: async () => '',
});

test('a request does not wait for a view whose maker has given up while its tokens were asked for', async () => {
  const makings = new ViewMakings(settings, { leases: undefined, release: () => {} }, () => false);
  const first = new Maker(undefined, false);
  expect(makings.enter(wanted(), first, 0)).toBeInstanceOf(ViewMaking);
  const second = new Maker(undefined, false);
  const entered = await makings.enter(
    wanted(() => first.end()),
    second,
    0,
  );
  expect(entered).toBeInstanceOf(ViewMaking);
  second.end();
  expect(makings.counts).toEqual({ running: 0, waiting: 0, coalesced: 0 });
});
