import { expect, test } from '@jest/globals';
import nunjucks from 'nunjucks';
import { CacheSweeper, CacheSweeperError } from 'nunjucks-cachesweeper';
import { requestStart } from 'nunjucks-cachesweeper/express';
import { sweepOnSave } from 'nunjucks-cachesweeper/typeorm';

test('the second page comes from the cache, and a save is seen', async () => {
  let renders = 0;
  const sweeper = new CacheSweeper();
  const loader = new nunjucks.FileSystemLoader(__dirname);
  const env = sweeper.install(new nunjucks.Environment(loader));
  env.addGlobal('count', () => ++renders);
  expect(await sweeper.render(env, 'page.njk', {})).toBe('1\n');
  expect(await sweeper.render(env, 'page.njk', {})).toBe('1\n');
  await sweeper.invalidateCacheFor('Comment');
  expect(await sweeper.render(env, 'page.njk', {})).toBe('2\n');
});

test('errors are of the class that is exported', () => {
  expect(() => new CacheSweeper({ maxDataAge: 'soon' })).toThrow(CacheSweeperError);
});

test('frameworks and ORMs have entry points', () => {
  expect(typeof requestStart()).toBe('function');
  expect(typeof sweepOnSave).toBe('function');
});
