import { CacheSweeper, type CacheSweeperOptions, type RenderReport } from 'nunjucks-cachesweeper';
import type { Listening } from './listening-store.ts';
import { listeningMemcached } from './memcached.ts';
import { comments, contextOf, environment, type Kind, sent } from './page.ts';
import type { Made } from './scenario.ts';

/** How the page is, where it is not the usual one. */
export interface WarmPage {
  readonly kind?: Kind;
  /** What each page is given in turn, beside its comments. */
  readonly variables?: readonly object[];
  /** Round trips to the store that a warm page makes: a row that says so is checked. */
  readonly roundTrips?: number;
}

/** A page on Memcached: see {@link warmPage}. */
export function warmSite(port: number, options: CacheSweeperOptions = {}, page: WarmPage = {}): Promise<Made> {
  return warmPage(listeningMemcached(port), options, page);
}

/**
 * A page on a store, rendered so often and so long ago that everything is cached for good. The floor is told what one
 * warm page asks the server for.
 */
export async function warmPage(
  { store, asked, record }: Listening,
  options: CacheSweeperOptions = {},
  { kind = 'cached', variables = [{}], roundTrips }: WarmPage = {},
): Promise<Made> {
  let passed = 0;
  let made: number | undefined;
  const told = (report: RenderReport): void => {
    made = Math.max(made ?? 0, report.roundTrips);
  };
  const sweeper = new CacheSweeper({
    store,
    namespace: `site${process.pid}`,
    now: () => Date.now() + passed,
    timeout: '5s',
    // Nobody is told where nobody asks: telling takes time.
    ...(roundTrips === undefined ? {} : { onRender: told }),
    ...options,
  });
  const env = sweeper.install(environment(kind));
  const contexts = variables.map((more) => ({ ...contextOf(comments), ...more }));
  let pages = 0;
  const page = async () => sent(await sweeper.render(env, 'page.njk', contexts[pages++ % contexts.length] as object));
  for (let i = 0; i < 4 * contexts.length; i++) {
    await page();
    await sweeper.idle();
    // Longer than maxDataAge: what is rendered from now on is stored for good.
    passed += 10_000;
  }
  await record(page);
  made = undefined;
  for (let i = 0; i < contexts.length; i++) await page();
  if (made !== roundTrips) throw new Error(`a warm page makes ${made} round trips, not ${roundTrips}`);
  return { side: page, told: { tokenKeys: asked.token, entryKeys: asked.entry } };
}
