import type { RequestListener } from 'node:http';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { Country } from './outer.ts';
import type { Framework, Program } from './program.ts';
import { buildExpress } from './site-express.ts';
import { buildFastify } from './site-fastify.ts';
import { buildHapi } from './site-hapi.ts';
import { buildKoa } from './site-koa.ts';

export interface Built {
  readonly listener: RequestListener;
  close(): Promise<unknown>;
}

export interface ViewOptions {
  readonly ttl: number;
  readonly cookies?: readonly string[];
  readonly query?: readonly string[];
  readonly ignoreHost?: boolean;
  readonly statuses: readonly (200 | 301 | 404)[];
}

export interface Site extends Built {
  /** Resolves when all is stored that was made. */
  settled(): Promise<void>;
}

/** The site of a program, with the cache or without. */
export async function build(framework: Framework, program: Program, isCached: boolean): Promise<Site> {
  const { cookies, query, ignoreHost, store } = program.site;
  const sweeper = new CacheSweeper({
    ...(store && isCached ? { store: new TestingStore() } : {}),
    maxDataAge: '60s',
    timeout: '20s',
    enabled: isCached,
  });
  sweeper.register(Country);
  const options: ViewOptions = {
    ttl: 300,
    statuses: [200, 301, 404],
    ...(cookies === 'none' ? { cookies: [] } : {}),
    ...(query === undefined ? {} : { query }),
    ...(ignoreHost ? { ignoreHost } : {}),
  };
  const view = isCached ? options : undefined;
  const built = await (framework === 'fastify'
    ? buildFastify(program, sweeper, view)
    : framework === 'koa'
      ? buildKoa(program, sweeper, view)
      : framework === 'hapi'
        ? buildHapi(program, sweeper, view)
        : buildExpress(framework, program, sweeper, view));
  return {
    listener: built.listener,
    settled: () => sweeper.idle(),
    close: async () => {
      await built.close();
      await sweeper.close();
    },
  };
}
