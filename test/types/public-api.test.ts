import type { Request as ExpressRequest, RequestHandler } from 'express';
import Fastify, { type FastifyRequest } from 'fastify';
import type { Context as KoaContext, Middleware } from 'koa';
import nunjucks from 'nunjucks';
import {
  CacheSweeper,
  CacheSweeperError,
  type CacheSweeperErrorCode,
  type CacheSweeperOptions,
  type CacheSweeperStats,
  DEFAULT_PRIVATE_NAMES,
  type InvalidateOptions,
  type KeyParts,
  lazy,
  type ModelIdentity,
  type PageContext,
  type RenderReport,
  type Store,
  type StoreOption,
  storeFromEnvironment,
  type WarmFailure,
  type WarmOptions,
  type WarmPage,
  type WarmPages,
  type WarmProgress,
  type WarmResult,
} from 'nunjucks-cachesweeper';
import { requestStart as express, type ViewOptions } from 'nunjucks-cachesweeper/express';
import { requestStart as fastify } from 'nunjucks-cachesweeper/fastify';
import { requestStart as koa } from 'nunjucks-cachesweeper/koa';
import { panel } from 'nunjucks-cachesweeper/panel';
import { storeContract, TestingStore } from 'nunjucks-cachesweeper/testing';
import { expectTypeOf, test } from 'vitest';

// The compiler checks these (npm run types); running them only keeps them in the list.

class Comment {
  readonly id = 7;
  readonly articleId = 1;
}

test('options: durations are text, the memory tier can be switched off, a clock can be given', () => {
  expectTypeOf<CacheSweeperOptions>().toExtend<object>();
  expectTypeOf<CacheSweeperOptions['maxDataAge']>().toEqualTypeOf<string | undefined>();
  expectTypeOf<CacheSweeperOptions['timeout']>().toEqualTypeOf<string | undefined>();
  expectTypeOf<CacheSweeperOptions['memory']>().toEqualTypeOf<{ readonly maxBytes?: number } | false | undefined>();
  expectTypeOf<CacheSweeperOptions['store']>().toEqualTypeOf<Store | 'off' | undefined>();
  expectTypeOf<NonNullable<CacheSweeperOptions['key']>>().toEqualTypeOf<(parts: KeyParts) => string>();
  expectTypeOf<NonNullable<CacheSweeperOptions['vary']>>().toEqualTypeOf<
    (context: PageContext) => readonly unknown[]
  >();
  expectTypeOf<NonNullable<CacheSweeperOptions['onRender']>>().parameter(0).toEqualTypeOf<RenderReport>();
  expectTypeOf<CacheSweeperOptions>().not.toHaveProperty('ttl');
  // @ts-expect-error a number has no unit
  expectTypeOf({ maxDataAge: 3 }).toExtend<CacheSweeperOptions>();
});

test('a sweeper shows nothing of how views are kept', () => {
  expectTypeOf<CacheSweeper>().not.toHaveProperty('views');
  expectTypeOf<CacheSweeper>().toExtend<ViewOptions['sweeper']>();
});

test('install gives back the environment it was given, with its own type', () => {
  const sweeper = new CacheSweeper();
  expectTypeOf(sweeper.install<nunjucks.Environment>).returns.toEqualTypeOf<nunjucks.Environment>();
  expectTypeOf(sweeper.install).parameter(0).not.toBeAny();
  expectTypeOf(new nunjucks.Environment(null)).toExtend<Parameters<typeof sweeper.install>[0]>();
});

test('register knows the model of a class', () => {
  const sweeper = new CacheSweeper();
  sweeper.register(Comment, {
    id: (comment) => {
      expectTypeOf(comment).toEqualTypeOf<Comment>();
      return comment.id;
    },
    touches: (comment) => {
      expectTypeOf(comment).toEqualTypeOf<Comment>();
      return [{ type: 'Article', id: comment.articleId }];
    },
  });
  expectTypeOf(sweeper.register<Comment>).returns.toEqualTypeOf<CacheSweeper>();
});

test('invalidating can be passed around, and must be awaited', () => {
  const { invalidateCacheFor, invalidateAll } = new CacheSweeper();
  expectTypeOf(invalidateCacheFor).returns.toEqualTypeOf<Promise<void>>();
  expectTypeOf(invalidateCacheFor).parameter(0).toBeUnknown();
  expectTypeOf(invalidateCacheFor).parameter(1).toEqualTypeOf<InvalidateOptions | undefined>();
  expectTypeOf(invalidateAll).toEqualTypeOf<() => Promise<void>>();
});

test('rendering gives html, and figures are told', () => {
  const sweeper = new CacheSweeper();
  expectTypeOf(sweeper.render).returns.toEqualTypeOf<Promise<string>>();
  expectTypeOf(sweeper.stats).returns.toEqualTypeOf<CacheSweeperStats>();
  expectTypeOf(sweeper.idle).returns.toEqualTypeOf<Promise<void>>();
  expectTypeOf(sweeper.close).returns.toEqualTypeOf<Promise<void>>();
  expectTypeOf<RenderReport['fragments'][number]['outcome']>().toEqualTypeOf<'hit' | 'miss' | 'uncached'>();
});

test('warming takes pages in any iterable form, and tells what it has done', () => {
  const { warm } = CacheSweeper.prototype;
  const env = new nunjucks.Environment(null);
  const page = { env, name: 'page.njk' };
  expectTypeOf([page, { ...page, context: { n: 1 } }, { ...page, context: () => ({ n: 1 }) }]).toExtend<WarmPages>();
  expectTypeOf([{ ...page, context: async () => new Comment(), since: 1 }]).toExtend<WarmPages>();
  expectTypeOf(new Set([page])).toExtend<WarmPages>();
  expectTypeOf<AsyncGenerator<WarmPage>>().toExtend<WarmPages>();
  expectTypeOf(page).not.toExtend<WarmPages>();
  expectTypeOf({ name: 'page.njk' }).not.toExtend<WarmPage>();
  expectTypeOf(warm).parameter(1).toEqualTypeOf<WarmOptions | undefined>();
  expectTypeOf<NonNullable<WarmOptions['onProgress']>>().parameter(0).toEqualTypeOf<WarmProgress>();
  expectTypeOf<WarmProgress['all']>().toEqualTypeOf<number | undefined>();
  expectTypeOf(warm).returns.toEqualTypeOf<Promise<WarmResult>>();
  expectTypeOf<WarmResult['failed'][number]>().toEqualTypeOf<WarmFailure>();
});

test('lazy keeps the parameters of what it loads', () => {
  const load = lazy((id: number) => Promise.resolve([new Comment(), id]));
  expectTypeOf(load).toBeFunction();
  expectTypeOf(load).not.toBeAny();
});

test('errors and identities', () => {
  expectTypeOf(CacheSweeperError).instance.toExtend<Error>();
  expectTypeOf<CacheSweeperError['code']>().toEqualTypeOf<CacheSweeperErrorCode>();
  expectTypeOf<'CACHESWEEPER_BAD_TAG'>().toExtend<CacheSweeperErrorCode>();
  expectTypeOf<CacheSweeperErrorCode>().not.toEqualTypeOf<string>();
  expectTypeOf<ModelIdentity>().toHaveProperty('type').toEqualTypeOf<string>();
  expectTypeOf(DEFAULT_PRIVATE_NAMES).toEqualTypeOf<readonly string[]>();
});

test('authorize of the panel gets the request of the framework', () => {
  const sweeper = new CacheSweeper();
  const forExpress = panel(sweeper, { authorize: (request: ExpressRequest) => request.ip === '::1' });
  const forFastify = panel(sweeper, { authorize: async (request: FastifyRequest) => request.ip === '::1' });
  const forKoa = panel(sweeper, { authorize: (context: KoaContext) => context.ip === '::1' });
  expectTypeOf(forExpress.express).toExtend<RequestHandler>();
  expectTypeOf(Fastify().register).toBeCallableWith(forFastify.fastify);
  expectTypeOf(forKoa.koa).toExtend<Middleware>();
});

test('frameworks and stores fit without their types being imported', () => {
  expectTypeOf(express()).parameter(2).toEqualTypeOf<() => void>();
  expectTypeOf(koa()).returns.toEqualTypeOf<Promise<unknown>>();
  expectTypeOf(fastify()).toBeFunction();
  expectTypeOf(new TestingStore()).toExtend<Store>();
  expectTypeOf(storeFromEnvironment).returns.toEqualTypeOf<StoreOption>();
  expectTypeOf({ store: storeFromEnvironment() }).toExtend<CacheSweeperOptions>();
  expectTypeOf(storeContract).returns.items.toHaveProperty('title');
});
