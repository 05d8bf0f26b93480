import { RawClient } from '../memcached.ts';
import type { Made, Scenario } from '../scenario.ts';
import { warmSite } from '../warm-site.ts';

async function trip(port: number, keys: readonly string[]): Promise<Made> {
  const raw = await RawClient.connect(port);
  return { side: raw.batch(keys) };
}

/** A server that is 1 ms away: round trips are what counts. */
export const scenarios: readonly Scenario[] = [
  {
    scenario: '1 ms of network: warm page',
    floor: 'one round trip, of its 52 tokens',
    goal: 1.3,
    away: 1,
    ours: (port) => warmSite(port),
    other: (port, { tokenKeys = [] }) => trip(port, tokenKeys),
  },
  {
    // 100 KB of html come with it.
    scenario: '1 ms of network, no memory tier: warm page',
    floor: 'one round trip, of its 52 tokens and 50 entries',
    away: 1,
    ours: (port) => warmSite(port, { memory: false }),
    other: (port, { tokenKeys = [], entryKeys = [] }) => trip(port, [...tokenKeys, ...entryKeys]),
  },
];
