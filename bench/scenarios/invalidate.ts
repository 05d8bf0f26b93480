import { CacheSweeper } from 'nunjucks-cachesweeper';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { HOST, RawClient, startMemcached } from '../memcached.ts';
import { commentsOf } from '../page.ts';
import { compareAsync } from '../ratio.ts';
import { type Row, row } from '../row.ts';

/** What a token takes in the store: its digest and itself. */
const VALUE = Buffer.alloc(48, 'x');

/** Invalidating: as many sets as there are names, in one write. */
export default async function invalidate(): Promise<Row[]> {
  const port = await startMemcached();
  const raw = await RawClient.connect(port);
  const sweeper = new CacheSweeper({ store: new MemcachedStore(`${HOST}:${port}`) });
  const many = commentsOf(1_000);
  const one = many[0];
  // Their own names, and that of their lists.
  const items = [...many.map(({ id }) => `t::1:Comment:=${id}`), 't::1:Comment:*'].map((key) => [key, VALUE] as const);
  const rows = [
    row(
      'invalidateCacheFor one model (two names)',
      'one raw set',
      await compareAsync(
        () => sweeper.invalidateCacheFor(one),
        () => raw.setMany([['t::1:Comment:=1', VALUE]]),
      ),
      2,
    ),
    row(
      'invalidateCacheFor 1,000 models in one call',
      'one pipelined batch of 1,001 sets',
      await compareAsync(
        () => sweeper.invalidateCacheFor(many),
        () => raw.setMany(items),
      ),
      2,
    ),
  ];
  await sweeper.close();
  raw.close();
  return rows;
}
