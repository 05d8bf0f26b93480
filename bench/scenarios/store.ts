import { RawClient, startMemcached } from '../memcached.ts';
import { readyPage } from '../page.ts';
import { compareAsync } from '../ratio.ts';
import { type Row, row } from '../row.ts';
import { warmSite } from '../warm-site.ts';

/** Warm pages on Memcached, on this machine. */
export default async function store(): Promise<Row[]> {
  const port = await startMemcached();
  const raw = await RawClient.connect(port);
  const ready = readyPage();
  const tiered = await warmSite(port);
  const bare = await warmSite(port, { memory: false });
  if ((await raw.getMany(tiered.tokenKeys)) !== 52 || tiered.entryKeys.length > 0) throw new Error('unexpected keys');
  if ((await raw.getMany(bare.entryKeys)) !== 50) throw new Error('unexpected entries');
  const rows = [
    row(
      'Memcached + memory tier, all hits, warm page',
      'that floor + one raw multi-get of its 52 tokens',
      await compareAsync(tiered.page, async () => {
        ready();
        await raw.getMany(tiered.tokenKeys);
      }),
      1.5,
    ),
    row(
      'Memcached, no memory tier, all hits, warm page',
      'that floor + two raw multi-gets: 52 tokens, 50 entries',
      await compareAsync(bare.page, async () => {
        ready();
        await raw.getMany(bare.tokenKeys);
        await raw.getMany(bare.entryKeys);
      }),
      1.7,
    ),
  ];
  await Promise.all([tiered.close(), bare.close()]);
  raw.close();
  return rows;
}
