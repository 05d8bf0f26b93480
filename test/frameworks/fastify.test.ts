import type { FastifyInstance } from 'fastify';
import nunjucks from 'nunjucks';
import { lazy } from 'nunjucks-cachesweeper';
import { fastifySite } from './examples/fastify.ts';
import { type Parts, type Site, testFramework } from './framework-suite.ts';

type Show = (path: string, template: string, context: (id: number) => object) => void;

testFramework('@fastify/view: reply.viewAsync', async (parts) => {
  const app = await fastifySite(parts.sweeper, parts.blog);
  app.get('/failing', (_request, reply) => reply.viewAsync('article.njk', failing(parts)));
  app.get('/missing', (_request, reply) => reply.viewAsync('missing.njk'));
  app.get('/wrong', (_request, reply) => reply.viewAsync('wrong.njk'));
  return served(app, parts);
});

testFramework(
  '@fastify/view: reply.view',
  async (parts) => {
    const app = await fastifySite(parts.sweeper, parts.blog);
    showAll(parts, (path, template, context) => {
      app.get<{ Params: { id?: string } }>(path, (request, reply) => {
        reply.view(template, context(Number(request.params.id)));
      });
    });
    return served(app, parts);
  },
  { articles: '/shown' },
);

testFramework(
  '@fastify/view: app.view',
  async (parts) => {
    const app = await fastifySite(parts.sweeper, parts.blog);
    showAll(parts, (path, template, context) => {
      app.get<{ Params: { id?: string } }>(path, async (request, reply) => {
        const html = await app.view(template, context(Number(request.params.id)));
        return reply.type('text/html; charset=utf-8').send(html);
      });
    });
    return served(app, parts);
  },
  { articles: '/shown' },
);

testFramework(
  '@fastify/view: a template compiled beforehand',
  async (parts) => {
    const app = await fastifySite(parts.sweeper, parts.blog);
    let env: nunjucks.Environment | undefined;
    const { default: view } = await import('@fastify/view');
    await app.register(view, {
      engine: { nunjucks },
      templates: new URL('templates', import.meta.url).pathname,
      propertyName: 'show',
      asyncPropertyName: 'showAsync',
      options: {
        onConfigure: (configured: nunjucks.Environment) => {
          env = configured;
          parts.sweeper.install(configured);
        },
      },
    });
    showAll(parts, (path, template, context) => {
      app.get<{ Params: { id?: string } }>(path, async (request, reply) => {
        const compiled = env!.getTemplate(template);
        const show = (reply as unknown as { showAsync(template: object, context: object): Promise<string> }).showAsync;
        return show.call(reply, compiled, context(Number(request.params.id)));
      });
    });
    return served(app, parts);
  },
  { articles: '/shown' },
);

/** The same routes as the example's, under `/shown`, and those that fail. */
function showAll(parts: Parts, show: Show): void {
  show('/shown/:id', 'article.njk', (id) => parts.blog.page(id));
  show('/failing', 'article.njk', () => failing(parts));
  show('/missing', 'missing.njk', () => ({}));
  show('/wrong', 'wrong.njk', () => ({}));
}

function failing({ blog }: Parts): object {
  return { ...blog.page(1), comments: lazy(() => blog.fail()) };
}

async function served(app: FastifyInstance, { errors }: Parts): Promise<Site> {
  app.setErrorHandler((error, _request, reply) => {
    errors.push(error);
    return reply.status(500).send((error as Error).message);
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return { url, close: () => app.close() };
}
