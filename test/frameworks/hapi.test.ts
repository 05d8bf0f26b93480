import hapi from '@hapi/hapi';
import vision from '@hapi/vision';
import nunjucks from 'nunjucks';
import { CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { viewEngine } from 'nunjucks-cachesweeper/hapi';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Blog, squeezed, templates } from './blog.ts';
import { hapiSite } from './examples/hapi.ts';
import { type Parts, type Site, testFramework } from './framework-suite.ts';

testFramework(
  'hapi with @hapi/vision',
  async (parts) => {
    const { sweeper, blog } = parts;
    const server = await hapiSite(sweeper, blog);
    // Not h.view: that renders behind all handlers, and hapi answers its errors itself.
    const show = (path: string, template: string, context: () => object) =>
      server.route({ method: 'GET', path, handler: (request) => request.render(template, context()) });
    show('/failing', 'article', () => ({ ...blog.page(1), comments: lazy(() => blog.fail()) }));
    show('/missing', 'missing', () => ({}));
    show('/wrong', 'wrong', () => ({}));
    return served(server, parts);
  },
  { missing: 'View file not found: `missing.njk`' },
);

async function served(server: hapi.Server, { errors }: Parts): Promise<Site> {
  server.ext('onPreResponse', ({ response }, h) => {
    if (!('isBoom' in response)) return h.continue;
    // vision hands the error of a template on as the data of its own.
    errors.push(response.data ?? response);
    return h.response(response.message).code(500);
  });
  await server.start();
  return { url: server.info.uri, close: () => server.stop({ timeout: 0 }) };
}

test.each([[undefined], [{}], ['templates']])('an engine for %j is an error that says what is expected', (given) => {
  expect(() => viewEngine(given as never)).toThrow(
    expect.objectContaining({
      code: 'CACHESWEEPER_BAD_OPTION',
      message: expect.stringContaining('expected a nunjucks Environment'),
    }),
  );
});

test('an error of a page that h.view renders is answered and reported by hapi, once', async () => {
  const said = vi.spyOn(console, 'error').mockImplementation(() => {});
  onTestFinished(() => said.mockRestore());
  const sweeper = new CacheSweeper();
  const blog = new Blog();
  const server = await hapiSite(sweeper, blog);
  const errors: unknown[] = [];
  server.events.on({ name: 'request', filter: 'error' }, (_request, { error }) => errors.push(error));
  blog.comments = () => blog.fail();
  expect((await server.inject('/articles/7')).statusCode).toBe(500);
  expect(errors).toEqual([expect.objectContaining({ message: expect.stringContaining('the database is away') })]);
  await sweeper.close();
});

test('an engine renders without waiting where vision compiles in one go', async () => {
  const sweeper = new CacheSweeper();
  const server = hapi.server();
  await server.register(vision);
  const env = sweeper.install(nunjucks.configure(templates, { autoescape: true }));
  server.views({ engines: { njk: viewEngine(env) }, compileMode: 'sync', path: templates });
  const blog = new Blog();
  const { article, comments } = blog.known(7);
  for (let i = 0; i < 2; i++) {
    const html = await server.render('article', { article, comments: () => comments, visitor: 'Ann' });
    expect(squeezed(html)).toBe(blog.html(7));
  }
  expect(sweeper.stats().tags.map(({ hits }) => hits)).toContain(comments.length);
  await sweeper.close();
});
