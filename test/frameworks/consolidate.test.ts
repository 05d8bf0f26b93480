import consolidate from '@ladjs/consolidate';
import express from 'express';
import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { expect, test } from 'vitest';
import { templates } from './blog.ts';
import { serve } from './framework-suite.ts';

test('consolidate makes an environment for each page of Express, so the tag is known in none', async () => {
  const app = express();
  app.set('views', templates);
  app.engine('njk', consolidate.nunjucks);
  new CacheSweeper().install(nunjucks.configure(templates));
  app.get('/', (_req, res) => {
    res.render('article.njk', {}, (error) => void res.send(error.message));
  });
  const { url, close } = await serve(app);
  try {
    expect(await (await fetch(url)).text()).toContain('unknown block tag: cachesweeper');
  } finally {
    await close();
  }
});
