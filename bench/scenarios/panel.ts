import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { type PanelOptions, panel } from 'nunjucks-cachesweeper/panel';
import { HOST } from '../memcached.ts';
import { comments, contextOf, environment, sent } from '../page.ts';
import type { Made, Scenario } from '../scenario.ts';
import { visitors } from '../visitors.ts';

const context = contextOf(comments);

/** The page rendered by itself: where a panel was made, and has looked on at a request for it. */
async function rendered(hasPanel: boolean): Promise<Made> {
  const sweeper = new CacheSweeper();
  const env = sweeper.install(environment('cached'));
  if (hasPanel) {
    const port = await listening(sweeper, { authorize: () => true });
    const page = await fetch(`http://${HOST}:${port}/page`, { headers: { Accept: 'text/html' } });
    if (!(await page.text()).includes('/__cachesweeper/strip/')) throw new Error('the panel is not on');
  }
  return { side: () => sent(env.render('page.njk', context)) };
}

/** A site that renders the page for each request. */
async function listening(sweeper: CacheSweeper, options: PanelOptions | undefined): Promise<number> {
  const app = express();
  app.set('etag', false);
  if (options !== undefined) app.use(panel(sweeper, options).express);
  sweeper.install(environment('cached')).express(app);
  app.get('/page', (_request, response) => response.render('page.njk', context));
  const server = createServer(app).listen(0, HOST);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function site(options: PanelOptions | undefined): Promise<Made> {
  return { side: await visitors(await listening(new CacheSweeper(), options), '/page') };
}

const FLOOR = 'the same without a panel';

/** What the panel costs those who do not see it. */
export const scenarios: readonly Scenario[] = [
  {
    scenario: '50 fragments, all hits, in a process with a panel that is not on for this page',
    floor: FLOOR,
    goal: 1.01,
    ours: () => rendered(true),
    other: () => rendered(false),
  },
  {
    scenario: 'Express, 50 fragments, all hits: 8 visitors who may not see the panel',
    floor: FLOOR,
    ours: () => site({ authorize: () => false }),
    other: () => site(undefined),
  },
];
