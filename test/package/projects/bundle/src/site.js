import express from 'express';
import nunjucks from 'nunjucks';
import { CacheSweeper, CacheSweeperError } from 'nunjucks-cachesweeper';
import { cacheView, requestStart } from 'nunjucks-cachesweeper/express';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import required from './required.cjs';

// A server of its own, which tells what its pages were and whether import and require gave it one package.
let renders = 0;
const app = express();
app.use(requestStart());
const env = nunjucks.configure({ autoescape: true, express: app });
env.addGlobal('count', () => ++renders);
const sweeper = new CacheSweeper({ store: new TestingStore() });
sweeper.install(env);

const source = '{% cachesweeper "Comment" 500 %}{{ text }} {{ count() }}{% endcachesweeper %}';
const page = (text) => (_request, response) =>
  env.renderString(source, { text }, (error, html) =>
    error ? response.status(500).send(error.message) : response.send(html),
  );
app.get('/page', page('page'));
app.get('/view', cacheView({ sweeper, ttl: 300, name: 'view' }), page('view'));

const server = app.listen(0, async () => {
  const pages = [];
  for (const path of ['/page', '/page', '/view', '/view']) {
    const answer = await fetch(`http://127.0.0.1:${server.address().port}${path}`);
    pages.push(await answer.text());
    await sweeper.idle();
  }
  let errors = 'other errors';
  try {
    new required.CacheSweeper({ maxDataAge: 3 });
  } catch (error) {
    if (error instanceof CacheSweeperError) errors = 'errors';
  }
  const same = [required.CacheSweeper === CacheSweeper, required.cacheView === cacheView];
  console.log(JSON.stringify({ pages, errors, same }));
  server.close();
  await sweeper.close();
});
