import hapi from '@hapi/hapi';
import vision from '@hapi/vision';
import nunjucks from 'nunjucks';
import { type CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { requestStart, viewEngine } from 'nunjucks-cachesweeper/hapi';
import { type Blog, templates } from '../blog.ts';

export async function hapiSite(sweeper: CacheSweeper, blog: Blog): Promise<hapi.Server> {
  // docs: hapi
  const server = hapi.server({ host: '127.0.0.1' });
  const env = sweeper.install(nunjucks.configure(templates, { autoescape: true }));
  await server.register(requestStart());
  await server.register(vision);
  server.views({ engines: { njk: viewEngine(env) }, compileMode: 'async', path: templates });

  server.route({
    method: 'GET',
    path: '/articles/{id}',
    handler: async (request, h) => {
      const article = await blog.article(request.params.id);
      return h.view('article', { article, comments: lazy(() => blog.comments(article)), visitor: 'Ann' });
    },
  });
  // docs end
  return server;
}
