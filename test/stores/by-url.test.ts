import { storeContract } from 'nunjucks-cachesweeper/testing';
import { beforeAll, describe, test } from 'vitest';
import { type StoreServer, storeAt, storeKinds } from '../support/store-servers.ts';

describe.each(storeKinds)('the store that CACHESWEEPER_STORE names keeps the contract: $name', (kind) => {
  let server: StoreServer;
  beforeAll(async () => {
    server = await kind.start();
  });
  const contract = storeContract({ create: () => storeAt(server) });
  test.each(contract.map((one) => [one.title, one] as const))('%s', (_title, { run }) => run());
});
