import type { TestingStore } from 'nunjucks-cachesweeper/testing';
import { type Entry, readEntry } from '../../src/cache/entry.ts';
import { Sealer } from '../../src/cache/seal.ts';

const sealer = new Sealer();

/** The entries that a store has, without leases and the records of what tags read. */
export async function storedEntries(store: TestingStore): Promise<Entry[]> {
  const keys = store.keys('entry').filter((key) => !key.endsWith(':reads') && !key.includes(':lease:'));
  const lookups = await store.getMany('entry', keys, { timeout: 1_000 });
  return lookups.flatMap((lookup, i) => {
    if (lookup.state !== 'found') return [];
    const key = keys[i] as string;
    const stored = readEntry(sealer.unseal('entry', key, lookup.value) ?? '', key);
    if (stored === undefined) throw new Error(`the entry of ${key} cannot be read`);
    return [stored.entry];
  });
}
