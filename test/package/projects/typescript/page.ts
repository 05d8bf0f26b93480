import assert from 'node:assert/strict';
import nunjucks from 'nunjucks';
import { CacheSweeper, CacheSweeperError, type CacheSweeperOptions, lazy } from 'nunjucks-cachesweeper';
import { cacheView as expressView, requestStart } from 'nunjucks-cachesweeper/express';
import { cacheView as fastifyView } from 'nunjucks-cachesweeper/fastify';
import { sweepOnSave as knex } from 'nunjucks-cachesweeper/knex';
import { cacheView as koaView } from 'nunjucks-cachesweeper/koa';
import { type MemcachedOptions, MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { sweepOnSave as prisma } from 'nunjucks-cachesweeper/prisma';
import { sweepOnSave as sequelize } from 'nunjucks-cachesweeper/sequelize';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { sweepOnSave as typeorm } from 'nunjucks-cachesweeper/typeorm';

const options: CacheSweeperOptions = { namespace: 'shop', store: new TestingStore() };
export const memcached: MemcachedOptions = { servers: 'cache1:11211' };
// @ts-expect-error durations have a unit
export const refused: CacheSweeperOptions = { maxDataAge: 3 };

const sweeper: CacheSweeper = new CacheSweeper(options);
const env: nunjucks.Environment = sweeper.install(new nunjucks.Environment(null));
const source = '{% cachesweeper "Comment" 500 %}{{ load() }}{% endcachesweeper %}';
env.renderString(source, { load: lazy(() => Promise.resolve('loaded')) }, (error, html) => {
  assert.ifError(error);
  assert.equal(html, 'loaded');
});

assert.throws(() => new CacheSweeper({ maxDataAge: 'soon' }), CacheSweeperError);
for (const made of [
  expressView,
  fastifyView,
  knex,
  koaView,
  requestStart,
  MemcachedStore,
  prisma,
  sequelize,
  typeorm,
]) {
  assert.equal(typeof made, 'function');
}
