import { storeContract } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test } from 'vitest';
import { brokenStores } from './broken-stores.ts';

/** The title of the first case that a store fails in. */
async function failure(server: ReturnType<(typeof brokenStores)[string]>): Promise<string | undefined> {
  for (const { title, run } of storeContract(server)) {
    try {
      await run();
    } catch {
      return title;
    }
  }
  return undefined;
}

describe('the contract finds a store that', () => {
  test.each(Object.entries(brokenStores))('%s', async (_what, makeServer) => {
    expect(await failure(makeServer())).toBeDefined();
  });
});
