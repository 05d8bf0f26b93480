import { describe, expect, test } from 'vitest';
import { Random } from '../../demo/random.ts';
import { seed, sized } from '../support/long.ts';
import { outside } from './outside.ts';
import { sites } from './running.ts';
import { frameworks, type Handler, type Options, type Plan, type Route } from './sites.ts';

const VISITORS = 50;
const ARTICLES = 8;
const REQUESTS = sized(60, 10_000, 2_500);

interface Headers {
  readonly 'x-visitor'?: string;
  readonly 'x-nonce'?: string;
}

/** What is known of a visitor: every third is not logged in, and some may edit. */
function visitorOf(headers: Headers) {
  const number = Number(headers['x-visitor']);
  const user = number % 3 === 0 ? undefined : { name: `Visitor "${number}" <ü>`, isEditor: number % 7 === 0 };
  return { user, csrfToken: `token-${number}` };
}

const headersOf = (request: object) => (request as { readonly headers: Headers }).headers;
const holes: NonNullable<Options['holes']> = (request) => visitorOf(headersOf(request as object));
const replace: NonNullable<Options['replace']> = (request) => ({ nonce: headersOf(request as object)['x-nonce'] });

describe.each(frameworks)('%s: visitors at random', (_name, start) => {
  const running = sites(start, () => ({}));

  /** The same site with the cache, or without it: middleware gives templates what `holes` gives. */
  function siteOf(cached: boolean, texts: string[]) {
    const handler: Handler = async (call) => {
      const id = Number(call.params.id);
      await call.depend({ type: 'Article', id });
      const nonce = (call.locals as { readonly nonce: string }).nonce;
      call.set('Content-Security-Policy', `script-src 'nonce-${nonce}'`);
      const comments = [1, 2, 3].map((n) => ({ id: n, text: `${texts[id]} ${n}` }));
      await call.render('holes/site.njk', { id, title: texts[id], comments, nonce });
    };
    const routes: Route[] = [{ path: '/articles/:id', handler, options: { holes, replace } }];
    const plan: Partial<Plan> = outside(({ locals, headers }) => {
      locals.nonce = headers['x-nonce'];
      if (!cached) Object.assign(locals, visitorOf(headers as Headers));
    });
    return running(routes, { ...plan, cached });
  }

  test(`${REQUESTS.toLocaleString('en')} requests get what they get without a cache, byte for byte`, {
    timeout: 300_000,
  }, async () => {
    const random = new Random(seed ?? Date.now() % 1_000_000);
    const texts = Array.from({ length: ARTICLES }, (_, id) => `Article ${id}`);
    const [ours, plain] = [await siteOf(true, texts), await siteOf(false, texts)];
    let hits = 0;
    for (let i = 0; i < REQUESTS; i++) {
      if (random.chance(0.01)) {
        const id = random.between(0, ARTICLES - 1);
        texts[id] = `Article ${id}, edition ${i}`;
        await ours.sweeper.invalidateCacheFor([{ type: 'Article', id }, 'Article']);
      }
      const path = `/articles/${random.between(0, ARTICLES - 1)}`;
      const headers = {
        'X-Visitor': String(random.between(1, VISITORS)),
        'X-Nonce': `nonce-${String(i).padStart(12, '0')}`,
        Cookie: 'session=known',
      };
      const [got, expected] = await Promise.all([ours.get(path, headers), plain.get(path, headers)]);
      expect([got.status, got.text]).toEqual([expected.status, expected.text]);
      expect(got.headers['content-security-policy']).toBe(expected.headers['content-security-policy']);
      expect(got.headers['cache-control']).toBe('private, no-cache');
      if (got.cache === 'hit') hits++;
    }
    expect(hits).toBeGreaterThan(REQUESTS / 5);
  });
});
