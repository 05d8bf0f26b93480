const { CacheSweeper, CacheSweeperError } = require('nunjucks-cachesweeper');
const { exports: entries } = require('nunjucks-cachesweeper/package.json');
const { createSite } = require('./site.js');

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

test.each(Object.keys(entries))('%s is loaded', (path) => {
  expect(Object.keys(require(`nunjucks-cachesweeper${path.slice(1)}`)).length).toBeGreaterThan(0);
});

test('a store works in the realm of Jest', async () => {
  const { storeContract, TestingStore } = require('nunjucks-cachesweeper/testing');
  const shared = new TestingStore();
  for (const { run } of storeContract({ create: () => new TestingStore({ shared }) })) await run();
});
