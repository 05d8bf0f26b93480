import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CacheSweeper, type CacheSweeperOptions, type RenderReport } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { inTurn, sized } from '../support/long.ts';
import { Blog, Comment, squeezed } from './blog.ts';

const REQUESTS = sized(20, 100, 100);

/** A site that is listening. */
export interface Site {
  readonly url: string;
  close(): Promise<unknown>;
}

/** How a framework differs from others. */
interface Differences {
  /** The route of the articles; a site that shows them in another way as well does so on a route of its own. */
  readonly articles?: string;
  /** Whether it reads the templates itself and renders their text, which has no name. */
  readonly rendersText?: boolean;
  /** What it says of a template that is not there. */
  readonly missing?: string;
}

/** Serves on a free port of this machine. */
export async function serve(listener: RequestListener): Promise<Site> {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** One way to have a sweeper: with a shared store that answers later, or without any. */
export const kinds = [
  ['with a store', () => ({ store: new TestingStore() })],
  ['without a store', () => ({})],
] as const satisfies readonly (readonly [string, () => CacheSweeperOptions])[];

/** What a framework's test hands to the site it starts. */
export interface Parts {
  readonly sweeper: CacheSweeper;
  readonly blog: Blog;
  /** Every error that reached the framework's error handler. */
  readonly errors: unknown[];
}

/**
 * Runs one framework's site, with and without a store. It serves `${articles}/:id` (article.njk), `/failing` (the same, its
 * comments fail), `/missing` (a template that is not there) and `/wrong` (wrong.njk); an error handler notes what it gets
 * and answers 500 with the message.
 */
export function testFramework(
  name: string,
  start: (parts: Parts) => Promise<Site>,
  { articles = '/articles', rendersText = false, missing = 'template not found: missing.njk' }: Differences = {},
): void {
  const named = (template: string) => (rendersText ? '(string)' : template);
  const placed = (template: string) => (rendersText ? 'unknown path' : template);

  describe.each(inTurn(kinds, name))(`${name}, %s`, (_kind, options) => {
    let open: { site: Site; sweeper: CacheSweeper } | undefined;
    afterEach(async () => {
      await open?.site.close();
      await open?.sweeper.close();
    });

    async function running() {
      const reports: RenderReport[] = [];
      const sweeper = new CacheSweeper({
        ...options(),
        maxDataAge: '60s',
        timeout: '20s',
        onRender: (report) => reports.push(report),
      });
      sweeper.register(Comment, { touches: (comment) => [{ type: 'Article', id: comment.articleId }] });
      const parts: Parts = { sweeper, blog: new Blog(), errors: [] };
      const site = await start(parts);
      open = { site, sweeper };
      const get = async (path: string) => {
        const response = await fetch(site.url + path);
        const text = await response.text();
        await sweeper.idle();
        return { status: response.status, type: response.headers.get('content-type'), html: squeezed(text) };
      };
      return { ...parts, get, reports };
    }

    test('loads and renders once, then serves from the cache', async () => {
      const { blog, get, reports } = await running();
      const page = { status: 200, type: 'text/html; charset=utf-8', html: blog.html(7) };
      expect(await get(`${articles}/7`)).toEqual(page);
      expect(blog.loaded).toEqual([7]);
      expect(await get(`${articles}/7`)).toEqual(page);
      expect(blog.loaded).toEqual([7]);
      expect(reports.map(({ template, fragments }) => [template, fragments.map(({ outcome }) => outcome)])).toEqual([
        [named('article.njk'), ['miss', 'miss', 'miss', 'miss']],
        [named('article.njk'), ['hit']],
      ]);
    });

    test('is fresh after a bump', async () => {
      const { blog, sweeper, get, reports } = await running();
      await get(`${articles}/7`);
      const comment = blog.known(7).comments[1]!;
      comment.text = 'Edited';
      await sweeper.invalidateCacheFor(comment);
      expect((await get(`${articles}/7`)).html).toBe(blog.html(7));
      expect(reports.at(-1)?.fragments.map(({ outcome }) => outcome)).toEqual(['hit', 'miss', 'hit', 'miss']);
    });

    test('hands a failed lazy to the error handler, once', async () => {
      const { errors, get } = await running();
      expect(await get('/failing')).toMatchObject({
        status: 500,
        html: expect.stringContaining('the database is away'),
      });
      expect(errors).toEqual([expect.objectContaining({ message: expect.stringContaining(placed('article.njk')) })]);
    });

    test('hands a missing template to the error handler, once', async () => {
      const { errors, get } = await running();
      expect(await get('/missing')).toMatchObject({
        status: 500,
        html: expect.stringContaining(missing),
      });
      expect(errors).toHaveLength(1);
    });

    test('hands a wrong tag to the error handler, once and with its place', async () => {
      const { errors, get } = await running();
      const place = new RegExp(`${placed('wrong.njk')}.*Line 2`);
      expect(await get('/wrong')).toMatchObject({ status: 500, html: expect.stringMatching(place) });
      expect(errors).toEqual([expect.objectContaining({ code: 'CACHESWEEPER_BAD_TAG' })]);
    });

    test(`keeps ${REQUESTS} requests apart`, async () => {
      const { blog, get } = await running();
      const ids = Array.from({ length: REQUESTS }, (_, i) => (i % (REQUESTS * 0.4)) + 1);
      for (let round = 0; round < 2; round++) {
        const pages = await Promise.all(ids.map((id) => get(`${articles}/${id}`)));
        expect(pages.map(({ html }) => html)).toEqual(ids.map((id) => blog.html(id)));
      }
    });
  });
}
