import { KeyvMemcache } from '@keyv/memcache';
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { Cacheable } from 'cacheable';
import { Keyv } from 'keyv';
import nunjucks from 'nunjucks';
import { CacheSweeper, type CacheSweeperOptions, lazy } from 'nunjucks-cachesweeper';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { HOST } from '../memcached.ts';
import type { Database } from './database.ts';
import { switchedOff } from './parts.ts';

/** How a site is made; each of the same page. */
export type Kind = 'ours' | 'off' | 'stale' | 'bentocache' | 'cacheable';

/** What a row says of whom ours is compared with. */
export const NAMES: Readonly<Record<Kind, string>> = {
  ours: 'ours',
  off: 'the part switched off',
  stale: 'ours with `stale="1m"`',
  bentocache: 'bentocache, memory of each process (it has no driver for Memcached)',
  cacheable: 'cacheable, Memcached alone (with two tiers other processes would not see a bump)',
};

export interface Setup {
  readonly kind: Kind;
  /** Of Memcached. */
  readonly port: number;
  /** A new one is a cold site. */
  readonly namespace: string;
  /** Whether what is made must not be kept. */
  readonly isUncacheable: boolean;
}

export interface Site {
  /** Makes a visitor's page, with what it loads or what is cached of it. */
  visit(article: number): Promise<string>;
  bump(article: number): Promise<unknown>;
  close(): Promise<unknown>;
}

/** The article whose html expires soon. */
export const SHORT_LIVED = 2;
/** How soon, in milliseconds. */
export const SHORT_TTL = 500;

function ttlOf(article: number): number {
  return article === SHORT_LIVED ? SHORT_TTL : 600_000;
}

const BODY = '<p>{{ load().text }}</p>';
const KEPT_OUT = '{% cachesweeper article 500 when=false %}{% endcachesweeper %}';
const TEMPLATES: Readonly<Record<string, string>> = {
  'page.njk': `{% cachesweeper article ttl %}${BODY}{% endcachesweeper %}`,
  'stale.njk': `{% cachesweeper article ttl stale="1m" %}${BODY}{% endcachesweeper %}`,
  'uncacheable.njk': `{% cachesweeper article ttl %}${BODY}${KEPT_OUT}{% endcachesweeper %}`,
  'alone.njk': '<p>{{ text }}</p>',
};

function environment(): nunjucks.Environment {
  const getSource = (name: string) => ({ src: TEMPLATES[name] ?? '', path: name, noCache: false });
  return new nunjucks.Environment(Object.assign(new nunjucks.Loader(), { getSource }));
}

export function openSite(setup: Setup, database: Database): Site {
  if (setup.kind === 'bentocache') return bentocache(setup, database);
  if (setup.kind === 'cacheable') return cacheable(setup, database);
  return ours(setup, database, setup.kind === 'off' ? switchedOff() : {});
}

function ours({ kind, port, namespace, isUncacheable }: Setup, database: Database, options: CacheSweeperOptions): Site {
  const ignore = (): void => {};
  const store = new MemcachedStore(`${HOST}:${port}`);
  // What a server that stands still costs is in the figures; warnings would stand among the rows.
  const sweeper = new CacheSweeper({ store, namespace, onError: ignore, ...options });
  const env = sweeper.install(environment());
  const template = isUncacheable ? 'uncacheable.njk' : kind === 'stale' ? 'stale.njk' : 'page.njk';
  const visit = (id: number) => {
    // As `requestStart()` says it.
    const since = Date.now();
    const context = { article: { type: 'Article', id }, ttl: ttlOf(id) / 1_000, load: lazy(() => database.read(id)) };
    return sweeper.render(env, template, context, { since });
  };
  return {
    visit,
    bump: (id) => sweeper.invalidateCacheFor({ type: 'Article', id }).catch(ignore),
    close: () => sweeper.close(),
  };
}

/** Makes the html that another cache keeps. */
function maker(database: Database): (article: number) => Promise<string> {
  const env = environment();
  return async (article) => env.render('alone.njk', await database.read(article));
}

function bentocache({ namespace, isUncacheable }: Setup, database: Database): Site {
  const make = maker(database);
  const cache = new BentoCache({
    default: 'memory',
    stores: { memory: bentostore().useL1Layer(memoryDriver({ maxSize: '64mb' })) },
  });
  const key = (article: number) => `${namespace}:${article}`;
  const keep = (article: number) =>
    cache.getOrSet({ key: key(article), ttl: ttlOf(article), factory: () => make(article) });
  const skip = async (article: number): Promise<string> => {
    let html: string | undefined;
    const factory = async (context: { readonly skip: () => undefined }): Promise<undefined> => {
      html = await make(article);
      return context.skip();
    };
    await cache.getOrSet({ key: key(article), ttl: ttlOf(article), factory });
    return html ?? make(article);
  };
  return {
    visit: isUncacheable ? skip : keep,
    bump: (article) => cache.delete({ key: key(article) }),
    close: () => cache.disconnectAll(),
  };
}

function cacheable({ port, namespace, isUncacheable }: Setup, database: Database): Site {
  const make = maker(database);
  const cache = new Cacheable({ primary: new Keyv({ store: new KeyvMemcache(`${HOST}:${port}`), namespace }) });
  cache.on('error', () => {});
  const keep = async (article: number): Promise<string> => {
    const html = await cache.getOrSet(String(article), () => make(article), { ttl: ttlOf(article) });
    if (html === undefined) throw new Error('cacheable gives nothing where making failed');
    return html;
  };
  const skip = async (article: number): Promise<string> => {
    let html: string | undefined;
    // It has no word for what is not to be kept: undefined is not taken for a value.
    await cache.getOrSet<undefined>(
      String(article),
      async () => {
        html = await make(article);
        return undefined;
      },
      { ttl: ttlOf(article) },
    );
    return html ?? make(article);
  };
  return {
    visit: isUncacheable ? skip : keep,
    bump: (article) => cache.delete(String(article)),
    close: () => cache.disconnect(),
  };
}
