import { RawClient, startDelayingProxy, startMemcached } from '../memcached.ts';
import { compareAsync } from '../ratio.ts';
import { type Row, row } from '../row.ts';
import { warmSite } from '../warm-site.ts';

/** A server that is 1 ms away: round trips are what counts. */
export default async function network(): Promise<Row[]> {
  const port = await startDelayingProxy(await startMemcached(), 1);
  const raw = await RawClient.connect(port);
  const tiered = await warmSite(port);
  const bare = await warmSite(port, { memory: false });
  const trip = await compareAsync(tiered.page, () => raw.getMany(tiered.tokenKeys));
  // 100 KB of html come with it.
  const trips = await compareAsync(bare.page, () => raw.getMany([...bare.tokenKeys, ...bare.entryKeys]));
  await Promise.all([tiered.close(), bare.close()]);
  raw.close();
  return [
    row('1 ms of network: warm page', 'one round trip, of its 52 tokens', trip, 1.3),
    row('1 ms of network, no memory tier: warm page', 'one round trip, of its 52 tokens and 50 entries', trips),
  ];
}
