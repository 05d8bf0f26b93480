import { RawClient } from '../memcached.ts';
import { readyPage } from '../page.ts';
import type { Made, Scenario, Told } from '../scenario.ts';
import { warmSite } from '../warm-site.ts';

/** The page that prints ready strings, and as many raw multi-gets as there are lists of keys. */
async function ready(port: number, ...lists: readonly (readonly string[] | undefined)[]): Promise<Made> {
  const raw = await RawClient.connect(port);
  const page = readyPage();
  const batches = lists.map((keys) => raw.batch(keys ?? []));
  const side = async () => {
    const bytes = page();
    for (const batch of batches) await batch();
    return bytes;
  };
  return { side };
}

/** Warm pages on Memcached, on this machine. */
export const scenarios: readonly Scenario[] = [
  {
    scenario: 'Memcached + memory tier, all hits, warm page',
    floor: 'that floor + one raw multi-get of its 52 tokens',
    goal: 1.2,
    away: 0,
    ours: (port) => warmSite(port),
    other: (port, { tokenKeys }: Told) => ready(port, tokenKeys),
  },
  {
    scenario: 'Memcached, no memory tier, all hits, warm page',
    floor: 'that floor + two raw multi-gets: 52 tokens, 50 entries',
    goal: 1.5,
    away: 0,
    ours: (port) => warmSite(port, { memory: false }),
    other: (port, { tokenKeys, entryKeys }: Told) => ready(port, tokenKeys, entryKeys),
  },
];
