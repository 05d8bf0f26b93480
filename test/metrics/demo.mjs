// The demo with its metrics beside it, in a process of its own: it is compiled, and uses the built package as a site does.
import express from 'express';
import { prometheus } from 'nunjucks-cachesweeper/metrics';
import { Registry } from 'prom-client';
import { createSite } from '../../build/demo/app.js';

const { app, sweeper, close } = await createSite();
const register = new Registry();
prometheus(sweeper, { register });
const outer = express();
outer.get('/metrics', async (_request, response) => response.type('text').send(await register.metrics()));
outer.get('/invalidate', async (_request, response) => {
  await sweeper.invalidateCacheFor({ type: 'Article', id: 2 });
  response.end();
});
outer.use(app);
const server = outer.listen(0, '127.0.0.1', () => process.send(server.address().port));
process.once('disconnect', async () => {
  server.close();
  server.closeAllConnections();
  await close();
});
