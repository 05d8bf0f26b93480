import fastifyView from '@fastify/view';
import { type FastifyInstance, fastify } from 'fastify';
import nunjucks from 'nunjucks';
import { type CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { requestStart } from 'nunjucks-cachesweeper/fastify';
import { type Blog, templates } from '../blog.ts';

export async function fastifySite(sweeper: CacheSweeper, blog: Blog): Promise<FastifyInstance> {
  // docs: Fastify
  const app = fastify();
  await app.register(requestStart());
  await app.register(fastifyView, {
    engine: { nunjucks },
    templates,
    options: { autoescape: true, onConfigure: (env: nunjucks.Environment) => sweeper.install(env) },
  });

  app.get<{ Params: { id: string } }>('/articles/:id', async (request, reply) => {
    const article = await blog.article(request.params.id);
    return reply.viewAsync('article.njk', { article, comments: lazy(() => blog.comments(article)), visitor: 'Ann' });
  });
  // docs end
  return app;
}
