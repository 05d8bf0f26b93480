import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Memcached } from '../support/memcached.ts';
import { HttpApi } from './api.ts';

const SITE = new URL('site-process.mjs', import.meta.url).pathname;
const CLIENTS = ['fetch', 'global', 'axios', 'superagent', 'got'];

const api = new HttpApi();
const processes: ChildProcess[] = [];
let sites: readonly string[] = [];

beforeAll(async () => {
  const [memcached] = await Promise.all([Memcached.start(), api.start()]);
  sites = await Promise.all(
    [0, 1].map(async () => {
      const env = { ...process.env, API: api.origin, CACHESWEEPER_STORE: memcached.url };
      const site = fork(SITE, [], { env, stdio: 'inherit' });
      processes.push(site);
      const ended = once(site, 'exit').then(() => {
        throw new Error('the site ended: build the package first (npm run build)');
      });
      const [port] = (await Promise.race([once(site, 'message'), ended])) as [number];
      return `http://127.0.0.1:${port}`;
    }),
  );
});

afterAll(async () => {
  for (const site of processes) site.kill();
  await api.stop();
});

const page = async (site: string, path: string) => (await fetch(`${site}${path}`)).text();
const write = (site: string, path: string) => fetch(`${site}${path}`, { method: 'POST', redirect: 'manual' });

describe.each(CLIENTS)('two processes on one Memcached that use %s', (client) => {
  const article = `/${client}/articles/7`;

  test('load each resource of a page once', async () => {
    api.take();
    await page(sites[0] as string, article);
    expect(api.take()).toEqual(['GET /articles', 'GET /articles/7', 'GET /articles/7/comments']);
  });

  test.each([
    ['articles/7', 0],
    ['articles/7/comments', 1],
    ['articles/9', 0],
  ])('show what was written to %s on the next page of both', async (path, by) => {
    for (const site of sites) await page(site, article);
    await write(sites[by] as string, `/${client}/${path}`);
    for (const site of sites) {
      const html = await page(site, article);
      expect(html).toContain(`<h1>Article ${api.versionOf('/articles/7')}</h1>`);
      expect(html).toContain(`<p>Comments ${api.versionOf('/articles/7/comments')}</p>`);
      expect(html).toContain(`<nav>All ${api.versionOf('/articles')}`);
    }
  });

  test('show it in whole views as well', async () => {
    const view = `/${client}/views/7`;
    for (let i = 0; i < 2; i++) {
      for (const site of sites) await page(site, view);
      await write(sites[i] as string, `/${client}/articles/7`);
      for (const site of sites) expect(await page(site, view)).toContain(`View ${api.versionOf('/articles/7')}<`);
    }
  });

  test('load nothing while nothing is written', async () => {
    for (const site of sites) await page(site, article);
    api.take();
    for (const site of sites) await page(site, article);
    expect(api.take()).toEqual([]);
  });
});
