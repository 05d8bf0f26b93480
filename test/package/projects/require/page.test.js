const assert = require('node:assert/strict');
const { test } = require('node:test');
const { CacheSweeper, CacheSweeperError } = require('nunjucks-cachesweeper');
const { exports: entries } = require('nunjucks-cachesweeper/package.json');
const { createSite } = require('./site.js');

test('the second page comes from the cache, and a save is seen', async () => {
  const { app, sweeper } = createSite();
  const server = app.listen(0);
  const page = async () => (await fetch(`http://127.0.0.1:${server.address().port}/`)).text();
  try {
    assert.equal(await page(), 'First 1');
    assert.equal(await page(), 'First 1');
    await sweeper.invalidateCacheFor({ type: 'Comment', id: 7 });
    assert.equal(await page(), 'First 2');
  } finally {
    server.close();
  }
});

test('errors are of the class that is exported', () => {
  assert.throws(() => new CacheSweeper({ maxDataAge: 3 }), CacheSweeperError);
});

for (const path of Object.keys(entries)) {
  test(`${path} is loaded`, () => assert.ok(Object.keys(require(`nunjucks-cachesweeper${path.slice(1)}`)).length > 0));
}
