import hapi, { type Server } from '@hapi/hapi';
import vision from '@hapi/vision';
import nunjucks from 'nunjucks';
import { CacheSweeper, type RenderReport } from 'nunjucks-cachesweeper';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { inTurn, isDeep } from '../support/long.ts';
import { Memcached } from '../support/memcached.ts';
import { templates } from './blog.ts';
import { ownCompile } from './examples/hapi-own-compile.ts';
import { engines, type Way } from './hapi/config/nunjucks.ts';
import { type Article, Comment, createServer, Database } from './hapi/server.ts';

const PAGES = ['/', '/articles/1', '/articles/2', '/form/1'];

let memcached: Memcached;
beforeAll(async () => {
  memcached = await Memcached.start();
});

/** A browser. */
class Visitor {
  readonly name: string;
  readonly cookies = new Map<string, string>();

  constructor(name: string) {
    this.name = name;
  }

  /** The token that this visitor's forms must have. */
  get crumb(): string {
    return this.cookies.get('crumb') as string;
  }

  /** @param form what is posted, beside the token */
  async ask(server: Server, path: string, form?: Record<string, string>) {
    const cookie = Array.from(this.cookies, ([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(server.info.uri + path, {
      redirect: 'manual',
      headers: { cookie },
      ...(form === undefined ? {} : { method: 'POST', body: new URLSearchParams({ ...form, crumb: this.crumb }) }),
    });
    const { status, headers } = response;
    return {
      set: headers.getSetCookie(),
      answer: { status, type: headers.get('content-type'), html: await response.text() },
    };
  }

  keep(cookies: readonly string[]): void {
    for (const cookie of cookies) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie) as unknown as [string, string, string];
      this.cookies.set(name, value);
    }
  }
}

const kinds = [
  ['in memory', () => ({})],
  ['on Memcached', () => ({ store: new MemcachedStore(memcached.address) })],
] as const;
const ways = Object.keys(engines) as Way[];

describe.each(kinds)('a hapi site with sessions and form tokens, %s', (kind, store) => {
  const all = ways.flatMap((way) => [true, false].map((isCached) => [way, isCached] as const));
  // Every day each way is on one kind.
  const tried = all.filter(([way, isCached]) => isDeep || inTurn(kinds, `${way} ${isCached}`)[0]?.[0] === kind);
  describe.each(tried)('with %s, isCached %s', (way, isCached) => {
    const open: { stop(): Promise<unknown> }[] = [];
    afterEach(() => Promise.all(open.splice(0).map((each) => each.stop())));

    async function running() {
      const reports: RenderReport[] = [];
      const database = new Database();
      const sweeper = new CacheSweeper({
        ...store(),
        namespace: `${way} ${isCached}`.replaceAll(' ', '-'),
        maxDataAge: '60s',
        timeout: '20s',
        onRender: (report) => reports.push(report),
      });
      sweeper.register(Comment, { touches: ({ articleId }) => [{ type: 'Article', id: articleId }] });
      const servers = await Promise.all(
        [sweeper, undefined].map((each) => createServer({ database, way, isCached, sweeper: each })),
      );
      const [site, plain] = servers as [Server, Server];
      await Promise.all(servers.map((server) => server.start()));
      open.push(...servers, { stop: () => sweeper.close() });
      /** One page of one visitor, on the site with the sweeper and on the one without it. */
      const pair = async (visitor: Visitor, path: string) => {
        const [mine, theirs] = [await visitor.ask(site, path), await visitor.ask(plain, path)];
        visitor.keep(mine.set);
        await sweeper.idle();
        return { mine: mine.answer, theirs: theirs.answer };
      };
      return { site, sweeper, database, reports, pair };
    }

    async function loggedIn(site: Server, name: string): Promise<Visitor> {
      const visitor = new Visitor(name);
      visitor.keep((await visitor.ask(site, '/')).set);
      const { answer, set } = await visitor.ask(site, '/login', { name });
      expect(answer.status).toBe(302);
      visitor.keep(set);
      return visitor;
    }

    test('two visitors in turn get each page as without the sweeper: first, warm and after a bump', async () => {
      const { site, sweeper, database, reports, pair } = await running();
      const visitors = [await loggedIn(site, 'Ann'), await loggedIn(site, 'Bob')] as const;
      const [ann] = visitors;
      const round = async () => {
        reports.length = 0;
        for (const path of PAGES) {
          for (const visitor of visitors) {
            const { mine, theirs } = await pair(visitor, path);
            expect(mine).toEqual(theirs);
            expect(mine).toMatchObject({ status: 200, type: 'text/html; charset=utf-8' });
            expect(mine.html).toContain(`value="${visitor.crumb}"`);
            expect(mine.html).toContain(`value="${visitor.name}"`);
          }
        }
        return reports.flatMap(({ fragments }) => fragments.map(({ outcome }) => outcome));
      };
      await round();
      const warm = await round();
      const canWait = way !== 'its own compile' || kind === 'in memory';
      if (canWait) expect(warm.filter((outcome) => outcome !== 'hit')).toEqual([]);
      else expect(warm).not.toContain('hit');

      const { answer, set } = await ann.ask(site, '/articles/1/comments', { text: 'What <b>Ann</b> says' });
      expect(answer.status).toBe(302);
      ann.keep(set);
      expect(database.comments.at(-1)?.text).toBe('What <b>Ann</b> says');
      expect((await pair(ann, '/articles/1')).mine.html).toContain('What &lt;b&gt;Ann&lt;/b&gt; says');
      const [article] = database.articles as [Article];
      article.title = 'edited';
      await sweeper.invalidateCacheFor(article);
      expect((await pair(ann, '/articles/1')).mine.html).toContain('<h1>Edited</h1>');
      await round();
      expect(new Set(await round())).toEqual(new Set(warm));
    });
  });
});

test.each(ways)('a fragment that would read the form token is refused, with %s', async (way) => {
  const sweeper = new CacheSweeper();
  const server = await createServer({ database: new Database(), way, isCached: true, sweeper });
  const errors: unknown[] = [];
  server.events.on({ name: 'request', filter: 'error' }, (_request, { error }) => errors.push(error));
  expect((await server.inject('/refused/1')).statusCode).toBe(500);
  expect(errors).toEqual([expect.objectContaining({ message: expect.stringMatching(/crumb.*private/s) })]);
  expect((await server.inject('/articles/1')).statusCode).toBe(200);
  await sweeper.close();
});

test.each([
  ['without the sweeper', (env: nunjucks.Environment) => env],
  ['with it', (env: nunjucks.Environment) => new CacheSweeper().install(env)],
])('vision renders with the globals that were there when the views were set up, %s', async (_name, install) => {
  const env = install(nunjucks.configure(templates)).addGlobal('visitor', 'Ann');
  const server = hapi.server();
  await server.register(vision);
  server.views({
    engines: { njk: ownCompile },
    compileMode: 'async',
    compileOptions: { environment: env },
    path: templates,
  });
  env.addGlobal('visitor', 'Bob');
  expect(await server.render('page')).toContain('<title>Ann</title>');
});
