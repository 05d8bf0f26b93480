import { storeContract } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test } from 'vitest';
import { brokenStores } from './broken-stores.ts';

/** The titles of the cases a store fails in. */
async function failures(server: ReturnType<(typeof brokenStores)[string]>): Promise<string[]> {
  const failed: string[] = [];
  for (const { title, run } of storeContract(server)) {
    await run().catch(() => failed.push(title));
  }
  return failed;
}

describe('the contract finds a store that', () => {
  test.each(Object.entries(brokenStores))('%s', async (_what, makeServer) => {
    expect(await failures(makeServer())).not.toEqual([]);
  });
});
