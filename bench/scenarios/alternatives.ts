import { CacheSweeper } from 'nunjucks-cachesweeper';
import { type GetOrSet, inProcess, onMemcached } from '../get-or-set.ts';
import { HOST, startDelayingProxy, startMemcached } from '../memcached.ts';
import { NaiveTag } from '../naive-tag.ts';
import { asyncEnvironment, type Comment, comments, contextOf, environment, sent } from '../page.ts';
import { type AsyncSide, compareAsync } from '../ratio.ts';
import { type Row, row } from '../row.ts';
import { warmSite } from '../warm-site.ts';

const context = contextOf(comments);
const ROUNDS = 60;
/** Every comparison has the goal to be ahead. */
const AHEAD = 1;
const BLIND =
  'Two tiers of cacheable ask no server while an entry is in the process: what another process invalidates is shown here ' +
  'until its ttl ends. Ours reads the tokens of every page it serves: that round trip is the price of promise 1.';

const FORGETFUL =
  'cache-manager keeps no more than a value: an entry of ours has what it was made from as well, and each body is watched for ' +
  'what it uses. Where it is ahead on a cold page, that is why.';

/** The same page and store by other means. A ratio below 1: ours is faster. */
export default async function alternatives(): Promise<Row[]> {
  return [...(await processRows()), ...(await memcachedRows('Memcached', 0)), ...(await memcachedRows('1 ms away', 1))];
}

async function processRows(): Promise<Row[]> {
  const sweeper = new CacheSweeper();
  const env = sweeper.install(environment('cached'));
  const hits = async () => sent(await sweeper.render(env, 'page.njk', context));
  const cold = async () => {
    await sweeper.invalidateAll();
    return hits();
  };
  const plain = environment('uncached');
  const uncached = async () => sent(plain.render('page.njk', context));
  const rows = [await compared('in process, all hits', 'no cache', hits, uncached)];
  for (const cache of inProcess()) {
    const page = pageAround(cache);
    const coldPage = async () => {
      await cache.clear();
      return page();
    };
    rows.push(await compared('in process, all hits', `getOrSet of ${cache.name}`, hits, page));
    const coldRow = await compared('in process, cold', `getOrSet of ${cache.name}`, cold, coldPage);
    rows.push(cache.name === 'cache-manager' ? { ...coldRow, note: FORGETFUL } : coldRow);
  }
  return rows;
}

async function memcachedRows(where: string, delay: number): Promise<Row[]> {
  const server = await startMemcached();
  const port = delay === 0 ? server : await startDelayingProxy(server, delay);
  const site = await warmSite(port);
  const scenario = `${where}, all hits`;
  const naive = new NaiveTag(`${HOST}:${port}`);
  const rows = [await compared(scenario, 'naive asynchronous tag over memjs', site.page, naivePage(naive))];
  naive.close();
  for (const cache of onMemcached(`${HOST}:${port}`)) {
    const one = await compared(scenario, `getOrSet of ${cache.name}`, site.page, pageAround(cache));
    rows.push(cache.name.endsWith('two tiers') && delay === 0 ? { ...one, note: BLIND } : one);
  }
  await site.close();
  return rows;
}

async function compared(scenario: string, other: string, ours: AsyncSide, theirs: AsyncSide): Promise<Row> {
  if ((await ours()) !== (await theirs())) throw new Error(`${other} does not render the same page`);
  return row(scenario, other, await compareAsync(ours, theirs, ROUNDS), AHEAD);
}

/** Each fragment by the cache, all at one time; a page that prints them. */
function pageAround(cache: GetOrSet): () => Promise<number> {
  const fragments = environment('uncached');
  const page = environment('ready strings');
  const fragment = (comment: Comment) =>
    cache.getOrSet(`comment-${comment.id}`, () => fragments.render('comment.njk', { comment }));
  return async () => {
    const html = await Promise.all(comments.map(fragment));
    return sent(page.render('page.njk', { ...context, html }));
  };
}

function naivePage(tag: NaiveTag): () => Promise<number> {
  const env = asyncEnvironment();
  env.addExtension('naive', tag as never);
  return () =>
    new Promise((resolve, reject) => {
      env.render('page.njk', context, (error, html) => (error ? reject(error) : resolve(sent(html))));
    });
}
