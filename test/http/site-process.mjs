// A site without any invalidateCacheFor whose data comes from the HTTP API that API names. CLIENT in the path of a request is what
// it reads and writes with. Tests run several of these on one store, with the package as it is built.
import axiosClient from 'axios';
import express from 'express';
import gotClient from 'got';
import nunjucks from 'nunjucks';
import { CacheSweeper, lazy, storeFromEnvironment } from 'nunjucks-cachesweeper';
import { cacheView, requestStart } from 'nunjucks-cachesweeper/express';
import { httpModels } from 'nunjucks-cachesweeper/http';
import superagentClient from 'superagent';
import { Agent, setGlobalDispatcher } from 'undici';

const { API } = process.env;
const app = express();
app.use(requestStart());
const sweeper = new CacheSweeper({ store: storeFromEnvironment(), timeout: '5s' });
const env = nunjucks.configure(new URL('templates', import.meta.url).pathname, { autoescape: true, express: app });
sweeper.install(env);

const http = httpModels(sweeper);
const globalFetch = fetch;
setGlobalDispatcher(new Agent().compose(http.undici));
const axios = http.axios(axiosClient.create());
const superagent = superagentClient.agent().use(http.superagent);
const got = gotClient.extend(http.got);

/** What each client does with a method and a url. */
const clients = {
  fetch: (method, url) => http.fetch(url, { method }).then((response) => response.json()),
  global: (method, url) => globalFetch(url, { method }).then((response) => response.json()),
  axios: (method, url) => axios.request({ method, url }).then(({ data }) => data),
  superagent: (method, url) => superagent[method.toLowerCase()](url).then(({ body }) => body),
  got: (method, url) => got(url, { method }).json(),
};

/** What the pages of a client show. */
const loading = ({ params: { client, id } }) => ({
  client,
  id,
  article: lazy(() => clients[client]('GET', `${API}/articles/${id}`)),
  comments: lazy(() => clients[client]('GET', `${API}/articles/${id}/comments`)),
  all: lazy(() => clients[client]('GET', `${API}/articles`)),
});

app.get('/:client/articles/:id', (req, res) => res.render('article.njk', loading(req)));
app.get('/:client/views/:id', cacheView({ sweeper, ttl: 300 }), async (req, res) => {
  const { version } = await clients[req.params.client]('GET', `${API}/articles/${req.params.id}`);
  res.render('view.njk', { version });
});
app.post('/:client/*path', async (req, res) => {
  await clients[req.params.client]('PUT', `${API}/${req.params.path.join('/')}`);
  res.redirect(303, '/');
});

const server = app.listen(0, '127.0.0.1', () => process.send(server.address().port));
process.on('disconnect', () => process.exit());
