const express = require('express');
const nunjucks = require('nunjucks');
const { CacheSweeper } = require('nunjucks-cachesweeper');
const { requestStart } = require('nunjucks-cachesweeper/express');

/** A site whose page tells how often its fragment was rendered. */
function createSite() {
  let renders = 0;
  const app = express();
  app.use(requestStart());
  const env = nunjucks.configure({ autoescape: true, express: app });
  env.addGlobal('count', () => ++renders);
  const sweeper = new CacheSweeper();
  sweeper.install(env);
  app.get('/', (_request, response) => {
    const source = '{% cachesweeper comment 500 type="Comment" %}{{ comment.text }} {{ count() }}{% endcachesweeper %}';
    env.renderString(source, { comment: { id: 7, text: 'First' } }, (error, html) =>
      error ? response.status(500).send(error.message) : response.send(html),
    );
  });
  return { app, sweeper };
}

module.exports = { createSite };
