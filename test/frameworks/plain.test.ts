import { readFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import path from 'node:path';
import nunjucks from 'nunjucks';
import { CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import { Blog, squeezed, templates } from './blog.ts';
import { plainSite } from './examples/plain.ts';
import { kinds, type Parts, serve, testFramework } from './framework-suite.ts';

type Done = (error: Error | null, html?: string | null) => void;
type Show = (env: nunjucks.Environment, template: string, context: object, done: Done) => void;

const source = (template: string) => readFileSync(path.join(templates, template), 'utf8');

testFramework('env.render with a callback', (parts) =>
  serve(site(parts, (env, template, context, done) => env.render(template, context, done))),
);

testFramework('env.renderString with a callback', (parts) =>
  serve(
    site(parts, (env, template, context, done) => {
      if (template === 'missing.njk') return env.renderString('{% include "missing.njk" %}', context, done);
      // Nunjucks takes options before the callback; its types do not know them.
      const renderString = env.renderString as (...args: unknown[]) => void;
      renderString.call(env, source(template), context, { path: template }, done);
    }),
  ),
);

testFramework('a template rendered directly, with a callback', (parts) =>
  serve(
    site(parts, (env, template, context, done) => {
      const known = env.getTemplate(template);
      known.render(context, done);
    }),
  ),
);

testFramework('a template made by hand, with a callback', (parts) =>
  serve(
    site(parts, (env, template, context, done) => {
      const known = template === 'missing.njk' ? '{% extends "missing.njk" %}' : source(template);
      new nunjucks.Template(known, env, template).render(context, done);
    }),
  ),
);

testFramework('sweeper.render', (parts) =>
  serve(
    site(parts, (env, template, context, done) => {
      parts.sweeper.render(env, template, context).then((html) => done(null, html), done);
    }),
  ),
);

describe.each(kinds)('the example, %s', (_kind, options) => {
  test('serves its page', async () => {
    const sweeper = new CacheSweeper(options());
    const blog = new Blog();
    const server = await serve(plainSite(sweeper, blog).listeners('request')[0] as RequestListener);
    for (let i = 0; i < 2; i++) {
      const html = await (await fetch(server.url)).text();
      expect(squeezed(html)).toBe(blog.html(7));
      await sweeper.idle();
    }
    expect(blog.loaded).toEqual([7]);
    await server.close();
    await sweeper.close();
  });
});

function site({ sweeper, blog, errors }: Parts, show: Show): RequestListener {
  const env = sweeper.install(new nunjucks.Environment(new nunjucks.FileSystemLoader(templates)));
  return (request, response) => {
    const [, name, id] = request.url!.split('/');
    const template = name === 'articles' || name === 'failing' ? 'article.njk' : `${name}.njk`;
    const context = name === 'failing' ? { ...blog.page(1), comments: lazy(() => blog.fail()) } : blog.page(Number(id));
    const done: Done = (error, html) => {
      if (error) errors.push(error);
      response.writeHead(error ? 500 : 200, { 'Content-Type': 'text/html; charset=utf-8' });
      response.end(error ? error.message : html);
    };
    try {
      show(env, template, context, done);
    } catch (error) {
      done(error as Error);
    }
  };
}
