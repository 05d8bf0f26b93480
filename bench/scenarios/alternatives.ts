import { CacheSweeper } from 'nunjucks-cachesweeper';
import { BLIND, type GetOrSet, IN_PROCESS, inProcess, ON_MEMCACHED, onMemcached } from '../get-or-set.ts';
import { HOST } from '../memcached.ts';
import { NaiveTag } from '../naive-tag.ts';
import { asyncEnvironment, comments, contextOf, environment, sent } from '../page.ts';
import { pageAround } from '../page-around.ts';
import type { Made, Scenario } from '../scenario.ts';
import { warmSite } from '../warm-site.ts';

const context = contextOf(comments);
/** Every comparison has the goal to be ahead. A ratio below 1: ours is faster. */
const COMMON = { goal: 1, rounds: 60, warmUp: 1_000 };
const FORGETFUL =
  'cache-manager keeps no more than a value: an entry of ours has what it was made from as well, each body is watched for ' +
  'what it uses, and html is put into one piece before it is kept.';

/** The same page and store by other means. */
export const scenarios: readonly Scenario[] = [
  { ...COMMON, scenario: 'in process, all hits', floor: 'no cache', ours: hits, other: uncached },
  ...IN_PROCESS.flatMap((name): Scenario[] => [
    {
      ...COMMON,
      scenario: 'in process, all hits',
      floor: `getOrSet of ${name}`,
      ours: hits,
      other: () => ({ side: pageAround(inProcess(name)) }),
    },
    {
      ...COMMON,
      scenario: 'in process, cold',
      floor: `getOrSet of ${name}`,
      ...(name === 'cache-manager' ? { reason: FORGETFUL } : {}),
      ours: cold,
      other: () => coldPageAround(inProcess(name)),
    },
  ]),
  ...[0, 1].flatMap((away): Scenario[] => [
    {
      ...COMMON,
      away,
      scenario: `${where(away)}, all hits`,
      floor: 'naive asynchronous tag over memjs',
      ours: (port) => warmSite(port),
      other: naive,
    },
    ...ON_MEMCACHED.map((name) => ({
      ...COMMON,
      away,
      scenario: `${where(away)}, all hits`,
      floor: `getOrSet of ${name}`,
      ...(name === 'cacheable, two tiers' && away === 1 ? { reason: BLIND } : {}),
      ours: (port: number) => warmSite(port),
      other: (port: number) => ({ side: pageAround(onMemcached(name, `${HOST}:${port}`)) }),
    })),
  ]),
];

function where(away: number): string {
  return away === 0 ? 'Memcached' : `${away} ms away`;
}

function hits(): Made {
  const sweeper = new CacheSweeper();
  const env = sweeper.install(environment('cached'));
  return { side: async () => sent(await sweeper.render(env, 'page.njk', context)) };
}

function cold(): Made {
  const sweeper = new CacheSweeper();
  const env = sweeper.install(environment('cached'));
  const side = async () => {
    await sweeper.invalidateAll();
    return sent(await sweeper.render(env, 'page.njk', context));
  };
  return { side };
}

function uncached(): Made {
  const env = environment('uncached');
  return { side: async () => sent(env.render('page.njk', context)) };
}

function coldPageAround(cache: GetOrSet): Made {
  const page = pageAround(cache);
  const side = async () => {
    await cache.clear();
    return page();
  };
  return { side };
}

function naive(port: number): Made {
  const env = asyncEnvironment();
  env.addExtension('naive', new NaiveTag(`${HOST}:${port}`, env) as never);
  const side = () =>
    new Promise((resolve, reject) => {
      env.render('page.njk', context, (error, html) => (error ? reject(error) : resolve(sent(html))));
    });
  return { side };
}
