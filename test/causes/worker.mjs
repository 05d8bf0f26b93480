// One process of a site on a store: saves comments and shows them. JavaScript, because Node 20 runs no TypeScript; it uses the built
// package, as a site does.
import { createServer } from 'node:http';
import nunjucks from 'nunjucks';
import { CacheSweeper, storeFromEnvironment } from 'nunjucks-cachesweeper';

class Comment {
  constructor(id) {
    this.id = id;
  }
}

const waiting = new Map();
const sweeper = new CacheSweeper({
  store: storeFromEnvironment(),
  causes: true,
  maxDataAge: '1ms',
  onRender: (report) => waiting.get(report.template)?.(report.fragments),
});
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

const server = createServer(async (request, response) => {
  const [, what, step, id] = request.url.split('?')[0].split('/');
  if (what === 'save') await sweeper.invalidateCacheFor(new Comment(Number(id)));
  else {
    const name = `page${step % PAGES}`;
    const told = new Promise((resolve) => waiting.set(name, resolve));
    await sweeper.render(env, name, { rows }, { since: Date.now() });
    response.write(JSON.stringify(await told));
    waiting.delete(name);
  }
  response.end();
});
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('disconnect', async () => {
  server.close();
  server.closeAllConnections();
  await sweeper.close();
});
