import type { Row } from '../row.ts';
import type { Scenario } from '../scenario.ts';
import { type Costs, costsOf } from '../tokens/costs.ts';
import { slowest } from '../tokens/queue.ts';
import { SERVERS, type TokenServer } from '../tokens/server.ts';

export const scenarios: readonly Scenario[] = [];

/** Fragments of a page: it reads the token of each, and two more. */
const FRAGMENTS = [10, 50, 200] as const;
/** The page that is simulated. */
const SIMULATED = 50;
const RATES = [1_000, 10_000, 100_000] as const;
/** Token servers that pages are shared out among, by sections of the site. */
const SHARES = [1, 4] as const;
/** Measured so often: the least counts, because whatever else the machine does makes it more. */
const ROUNDS = { full: 3, short: 2 } as const;
const SECONDS = 2;

/** Where one token server ends: what it computes for a page and a bump, and queues in front of servers that compute as much. */
export const rows = async (isFull: boolean): Promise<readonly Row[]> => {
  const rounds = isFull ? ROUNDS.full : ROUNDS.short;
  const rows: Row[] = [];
  for (const [name, start] of Object.entries(SERVERS)) {
    const server = await start();
    for (const fragments of FRAGMENTS) {
      const costs = await least(rounds, () => costsOf(server, { do: 'pages', fragments, seconds: SECONDS }));
      rows.push(measured(`${name}: a page of ${fragments} fragments`, server, costs));
      if (fragments === SIMULATED && server.isProcess) rows.push(...simulated(name, costs));
    }
    const costs = await least(rounds, () => costsOf(server, { do: 'bumps', fragments: SIMULATED, seconds: SECONDS }));
    rows.push(measured(`${name}: a bump of one model`, server, costs));
    await server.end();
  }
  return rows;
};

async function least(rounds: number, measure: () => Promise<Costs>): Promise<Costs> {
  let best = await measure();
  for (let i = 1; i < rounds; i++) {
    const costs = await measure();
    if (costs.site + costs.server < best.site + best.server) best = costs;
  }
  return best;
}

function measured(scenario: string, { isProcess }: TokenServer, { server, site, payload, rate }: Costs): Row {
  const kilobytes = `${(payload / 1_000).toFixed(1)} KB of keys and values`;
  if (!isProcess) {
    const ours = `${thousands(rate)}/s in two processes`;
    return { scenario, floor: 'the site’s process, which does it all', ratio: 1, ours, other: `${site.toFixed(0)} µs` };
  }
  return {
    scenario: `${scenario}, in the server`,
    floor: 'in the site’s process, all hits',
    ratio: server / site,
    ours: `${server.toFixed(0)} µs, ${kilobytes}`,
    other: `${site.toFixed(0)} µs`,
  };
}

/** Pages arrive at random, and are shared out evenly. */
function simulated(name: string, { server, site }: Costs): readonly Row[] {
  return RATES.flatMap((rate) =>
    SHARES.map((servers): Row => {
      const each = rate / servers;
      const busy = (each * server) / 1_000_000;
      const late = slowest({ rate: each, service: server }) / 1_000;
      return {
        scenario: `${name}, simulated: ${rate.toLocaleString('en')} pages/s of ${SIMULATED} fragments, ${servers} token server${servers === 1 ? '' : 's'}`,
        floor: 'one core of each server',
        ratio: busy,
        ours: busy < 1 ? `99 of 100 batches are answered in ${late.toFixed(2)} ms` : 'more than that core can do',
        other: `${((rate * site) / 1_000_000).toFixed(1)} cores render the pages`,
      };
    }),
  );
}

function thousands(count: number): string {
  return Number(count.toPrecision(2)).toLocaleString('en');
}
