// One process of a site on a store: saves comments and shows them. JavaScript, because Node 20 runs no TypeScript; it uses the built
// package, as a site does.
import { subscribe } from 'node:diagnostics_channel';
import express from 'express';
import nunjucks from 'nunjucks';
import { CacheSweeper, storeFromEnvironment } from 'nunjucks-cachesweeper';
import { cacheView } from 'nunjucks-cachesweeper/express';

class Comment {
  constructor(id) {
    this.id = id;
  }
}

/** What takes the report of a page's fragments, by template, and that of a view, by url. */
const waiting = new Map();
const sweeper = new CacheSweeper({
  store: storeFromEnvironment(),
  causes: true,
  maxDataAge: '1ms',
  onRender: (report) => waiting.get(report.template)?.(report.fragments),
});
subscribe('nunjucks-cachesweeper:view', (report) => waiting.get(report.target)?.(report));
const rows = 'a b c d'.split(' ').map((_, id) => new Comment(id));
const source = `{% for comment in rows %}{% cachesweeper comment 0 %}{{ comment.id }},{% endcachesweeper %}{% endfor %}
{% cachesweeper "List" 0 %}{% for comment in rows %}{{ comment.id }}{% endfor %}{% endcachesweeper %}`;
/** Reports name templates, so that pages at the same time must be of several. */
const PAGES = 50;
const pages = Array.from({ length: PAGES }, (_, i) => `page${i}`);
const env = sweeper.install(
  new nunjucks.Environment(
    new (class extends nunjucks.Loader {
      getSource = (name) => ({
        src: pages.includes(name) ? '{% include "comments" %}' : source,
        path: name,
        noCache: false,
      });
    })(),
  ),
);

const app = express();
app.post('/save/:step/:id', async ({ params }, response) => {
  await sweeper.invalidateCacheFor(new Comment(Number(params.id)));
  response.end();
});
app.post('/expire/:step/:id', async ({ params }, response) => {
  await sweeper.expireView(`/view/${params.id}`);
  response.end();
});
app.get('/page/:step', async ({ params }, response) => {
  const name = `page${params.step % PAGES}`;
  const told = new Promise((resolve) => waiting.set(name, resolve));
  await sweeper.render(env, name, { rows }, { since: Date.now() });
  response.json(await told);
  waiting.delete(name);
});
/** A view of one comment, or of all, and its report, which may come after its answer. */
const view = cacheView({ sweeper, ttl: '1h', query: [] });
app.get('/view/:id', view, async ({ params }, response) => {
  const shown = params.id === 'all' ? rows : [rows[params.id]];
  response.send(await sweeper.render(env, 'comments', { rows: shown }));
});
app.get('/reported/:id', async ({ params, query }, response) => {
  const url = `/view/${params.id}?step=${query.step}`;
  const told = new Promise((resolve) => waiting.set(url, resolve));
  await (await fetch(`http://127.0.0.1:${server.address().port}${url}`)).text();
  response.json(await told);
  waiting.delete(url);
});
app.get('/idle', async (_request, response) => {
  await sweeper.idle();
  response.end();
});
const server = app.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('disconnect', async () => {
  server.close();
  server.closeAllConnections();
  await sweeper.close();
});
