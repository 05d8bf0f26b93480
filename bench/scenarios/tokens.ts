import type { Row } from '../row.ts';
import type { Scenario } from '../scenario.ts';
import { type Costs, costsOf } from '../tokens/costs.ts';
import { slowest } from '../tokens/queue.ts';
import { SERVERS, type TokenServer } from '../tokens/server.ts';

export const scenarios: readonly Scenario[] = [];

/** Fragments of a page: it reads the token of each, and two more. */
const FRAGMENTS = [10, 50, 200] as const;
/** Share of a core that the server is given to compute: the rest is for peaks. */
const BUSY = 0.7;
const SECONDS = { full: 3, short: 1 } as const;

/** Where one token server ends: what it computes for a page and a bump, and how many of them one core of it can do. */
export const rows = async (isFull: boolean): Promise<readonly Row[]> => {
  const seconds = isFull ? SECONDS.full : SECONDS.short;
  const rows: Row[] = [];
  for (const [name, start] of Object.entries(SERVERS)) {
    const server = await start();
    for (const fragments of FRAGMENTS) rows.push(await pageRow(name, server, fragments, seconds));
    rows.push(await bumpRow(name, server, seconds));
    await server.end();
  }
  return rows;
};

async function pageRow(name: string, server: TokenServer, fragments: number, seconds: number): Promise<Row> {
  const costs = await costsOf(server, { do: 'pages', fragments, seconds });
  const scenario = `${name}: tokens of a page of ${fragments} fragments`;
  if (!server.isProcess) return alone(scenario, costs);
  const rate = (BUSY * 1_000_000) / costs.server;
  const late = slowest({ rate, service: costs.server }) / 1_000;
  return {
    scenario,
    floor: 'rendering it in the site’s process, all hits',
    ratio: costs.server / costs.site,
    ours: `${costs.server.toFixed(0)} µs of the server: ${thousands(rate)} pages/s keep ${BUSY * 100} % of a core busy; 99 of 100 batches are answered in ${late.toFixed(1)} ms; ${megabits(rate * costs.payload)} of keys and tokens`,
    other: `${costs.site.toFixed(0)} µs: ${((rate * costs.site) / 1_000_000).toFixed(1)} cores render as many`,
  };
}

async function bumpRow(name: string, server: TokenServer, seconds: number): Promise<Row> {
  const costs = await costsOf(server, { do: 'bumps', fragments: 50, seconds });
  const scenario = `${name}: a bump of one model`;
  if (!server.isProcess) return alone(scenario, costs);
  const rate = (BUSY * 1_000_000) / costs.server;
  return {
    scenario,
    floor: 'the site’s process',
    ratio: costs.server / costs.site,
    ours: `${costs.server.toFixed(0)} µs of the server: ${thousands(rate)} bumps/s keep ${BUSY * 100} % of a core busy`,
    other: `${costs.site.toFixed(0)} µs`,
  };
}

/** Without a server the site's processes do it all. */
function alone(scenario: string, costs: Costs): Row {
  return {
    scenario,
    floor: 'the site’s process, which does all of it',
    ratio: 1,
    ours: `${thousands(costs.rate)}/s in two processes on this machine`,
    other: `${costs.site.toFixed(0)} µs`,
  };
}

function thousands(count: number): string {
  return Number(count.toPrecision(2)).toLocaleString('en');
}

function megabits(bytes: number): string {
  return `${Number(((bytes * 8) / 1_000_000).toPrecision(2)).toLocaleString('en')} Mbit/s`;
}
