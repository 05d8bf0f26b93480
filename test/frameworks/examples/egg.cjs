// docs: Egg
const { CacheSweeper } = require('nunjucks-cachesweeper');
const { requestStart } = require('nunjucks-cachesweeper/koa');

module.exports = (app) => {
  app.sweeper = new CacheSweeper();
  app.sweeper.install(app.nunjucks);
  app.use(requestStart());
};
// docs end
