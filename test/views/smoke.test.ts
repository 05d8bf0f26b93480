import { get as httpGet } from 'node:http';
import express from 'express';
import compression from 'compression';
import nunjucks from 'nunjucks';
import { CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { cacheView, depend, fresh } from 'nunjucks-cachesweeper/express';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { expect, test } from 'vitest';
import { serve } from '../frameworks/framework-suite.ts';
import { templates, Blog, Comment } from '../frameworks/blog.ts';

test.each([[() => ({})], [() => ({ store: new TestingStore() })]])('smoke', async (opts) => {
  const sweeper = new CacheSweeper({ ...opts(), maxDataAge: '60s', onError: (e) => console.log('ERR', e) });
  sweeper.register(Comment, { touches: (comment) => [{ type: 'Article', id: comment.articleId }] });
  const blog = new Blog();
  const app = express();
  const env = nunjucks.configure(templates, { autoescape: true, express: app });
  sweeper.install(env);
  app.use(compression({ threshold: 0 }));
  let n = 0;
  app.get('/articles/:id', cacheView({ sweeper, ttl: 300, name: 'article', surrogate: 'xkey' }), async (req, res) => {
    n++;
    const article = await blog.article(req.params.id);
    res.render('article.njk', { article, comments: lazy(() => blog.comments(article)), visitor: 'Ann' });
  });
  app.get('/fresh', async (req, res) => {
    if (await fresh(req, res, 'Article', { sweeper })) return;
    res.send('x');
  });
  const site = await serve(app);
  const get = async (p: string, headers = {}) => {
    const r = await fetch(site.url + p, { headers });
    const t = await r.text();
    await sweeper.idle();
    return { status: r.status, ...Object.fromEntries(r.headers), t: t.replace(/\s+/g, '') };
  };
  console.log(await get('/articles/7'));
  const second = await get('/articles/7');
  console.log(second);
  console.log(await get('/articles/7', { 'if-none-match': second.etag }));
  await sweeper.invalidateCacheFor(blog.known(7).comments[0]);
  console.log(await get('/articles/7'));
  console.log(await sweeper.expireView({ name: 'article', params: { id: 7 } }));
  console.log(await get('/articles/7'));
  console.log(await get('/articles/7', { cookie: 'connect.sid=1' }));
  const f = await get('/fresh');
  console.log(f, await get('/fresh', { 'if-none-match': f.etag }));
  await site.close();
});
