import fc from 'fast-check';
import type { Store } from 'nunjucks-cachesweeper';
import { expect, test } from 'vitest';
import { isDeep, longest, runs, sized } from '../../support/long.ts';
import { storeAt, storeKinds } from '../../support/store-servers.ts';
import { type Case, cases, runCase, Tally } from './run.ts';

/** Sites on each kind of store, every day a few. */
const SITES = { everyday: 2, long: 2_000, ci: 150 };
/** Only those that use it. */
const shared: fc.Arbitrary<Case> = cases.filter(({ stores }) => stores !== 'memory');
let sites = 0;

test.each(storeKinds)(
  'on $name too, a page is what Nunjucks renders without the tags',
  {
    timeout: sized(120_000, 6 * 3_600_000, 600_000),
  },
  async (kind) => {
    const server = await kind.start();
    const tally = new Tally();
    const clients: Store[] = [];
    const open = () => {
      const client = storeAt(server);
      clients.push(client);
      return client;
    };
    const property = fc.asyncProperty(shared, async (one) => {
      try {
        await runCase(one, { namespace: `site${sites++}` }, tally, open);
      } finally {
        await Promise.all(clients.splice(0).map((client) => client.close()));
      }
    });
    await fc.assert(property, runs(SITES.everyday, SITES.long, SITES.ci));
    console.log(`${kind.name}: ${tally}`);
    if (isDeep && longest === undefined) expect(tally.hits).toBeGreaterThan(0);
  },
);
