import { CacheSweeper, CacheSweeperError } from 'nunjucks-cachesweeper';
import { expect, test } from 'vitest';
import { createSite } from './site.js';

test('the second page comes from the cache, and a save is seen', async () => {
  const { app, sweeper } = createSite();
  const server = app.listen(0);
  const page = async () => (await fetch(`http://127.0.0.1:${server.address().port}/`)).text();
  try {
    expect(await page()).toBe('First 1');
    expect(await page()).toBe('First 1');
    await sweeper.invalidateCacheFor({ type: 'Comment', id: 7 });
    expect(await page()).toBe('First 2');
  } finally {
    server.close();
  }
});

test('errors are of the class that is exported', () => {
  expect(() => new CacheSweeper({ maxDataAge: 3 })).toThrow(CacheSweeperError);
});

test.each(['memcached', 'redis', 'testing', 'express', 'fastify', 'koa', 'sequelize', 'typeorm', 'prisma', 'knex'])(
  '/%s is loaded',
  async (name) => {
    expect(Object.keys(await import(`nunjucks-cachesweeper/${name}`)).length).toBeGreaterThan(0);
  },
);
