import { CacheSweeper, type CacheSweeperOptions } from 'nunjucks-cachesweeper';
import { beforeAll } from 'vitest';
import { isDeep, sized } from '../support/long.ts';
import { type StoreServer, storeAt, storeKinds } from '../support/store-servers.ts';
import { testConstructs } from './run.ts';
import { constructs, some } from './table.ts';

/** The clock stands still: what is stored provisionally does not expire, however slow the machine is. */
const now = () => 1_800_000_000_000;
/** A batch has a second to be written, so that a busy machine would never store a longer list. */
const many = sized(500, 2_000, 2_000);
let sites = 0;

for (const [i, kind] of storeKinds.entries()) {
  const isWhole = isDeep || i === 0;
  let server: StoreServer;
  beforeAll(async () => {
    server = await kind.start();
  });
  /** Each sweeper a site of its own on one server. */
  const site = (options: CacheSweeperOptions) =>
    new CacheSweeper({ store: storeAt(server), namespace: `site${++sites}`, timeout: '10m', now, ...options });

  testConstructs(`${kind.name} and memory tier`, site, { many, table: isDeep ? constructs : some });
  if (isWhole) testConstructs(`${kind.name} alone`, (options) => site({ memory: false, ...options }), { many });
}
