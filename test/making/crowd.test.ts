import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import nunjucks from 'nunjucks';
import { CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ObjectLoader } from '../support/loaders.ts';
import { sized } from '../support/long.ts';
import { Memcached } from '../support/memcached.ts';
import { Article } from '../support/models.ts';

const PAGES = 40;
/** Milliseconds that a page takes to render. So one pass of all pages takes longer than they may wait for the store. */
const BUSY = 15;
/** Twice the default, because Memcached has to share the machine with other tests. */
const TIMEOUT = '500ms';

function beBusy(): string {
  for (const end = performance.now() + BUSY; performance.now() < end; );
  return '';
}

/** Has as many visitors as there are pages knock at a server at the same moment: each is a turn of the event loop. */
async function knock(visit: () => Promise<string>): Promise<string[]> {
  const pages: Promise<string>[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('data', () => pages.push(visit()));
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const visitors = Array.from({ length: PAGES }, () => connect(port, '127.0.0.1'));
  sockets.push(...visitors);
  await vi.waitUntil(() => sockets.length === 2 * PAGES, { interval: 1, timeout: 10_000 });
  for (const visitor of visitors) visitor.write('.');
  await vi.waitUntil(() => pages.length === PAGES, { interval: 1, timeout: 10_000 });
  return Promise.all(pages);
}

const crowds: Readonly<Record<string, (visit: () => Promise<string>) => Promise<string[]>>> = {
  'in one turn': (visit) => Promise.all(Array.from({ length: PAGES }, visit)),
  'at one server': knock,
};

const all = Object.keys(crowds);

test.each(sized(['at one server'], all, all))(
  'a crowd %s that keeps its process busy for longer than the timeout loads once',
  async (how) => {
    const server = await Memcached.start();
    let loads = 0;
    const load = lazy(async () => {
      loads++;
      await sleep(20);
      return loads;
    });
    const inner = '{% cachesweeper author 500 %}{{ load() }}{% endcachesweeper %}';
    const templates = { 'page.njk': `{{ beBusy() }}{% cachesweeper article 500 %}${inner}{% endcachesweeper %}` };
    const models = { article: new Article(1), author: new Article(2) };
    const processOf = (busy: () => string) => {
      const sweeper = new CacheSweeper({
        store: new MemcachedStore(server.address),
        maxDataAge: '10m',
        timeout: TIMEOUT,
      });
      onTestFinished(() => sweeper.close());
      const env = sweeper.install(new nunjucks.Environment(new ObjectLoader(templates) as nunjucks.ILoader));
      env.addGlobal('beBusy', busy);
      const visit = (of: object) => sweeper.render(env, 'page.njk', { ...of, load }, { since: Date.now() });
      return { sweeper, visit };
    };
    // Another process has made the tokens: how long writing some may take does not depend on how busy a process is.
    const before = processOf(() => '');
    await before.visit(models);
    await before.sweeper.invalidateCacheFor(Object.values(models));
    // Nothing ends before it is there, however slow the machine is. This process has a connection; what the page needs it does not know.
    const { visit } = processOf(beBusy);
    await visit({ article: new Article(3), author: new Article(4) });
    loads = 0;
    const pages = await crowds[how]?.(() => visit(models));
    expect(loads).toBe(1);
    expect(pages).toEqual(Array(PAGES).fill('1'));
  },
);
