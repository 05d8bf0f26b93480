// Stands for the NHS prototype kit: one environment, views by path, and what visitors type in `data`. As in the kit, the view engine holds
// `env.render` from before a sweeper can be installed.
const express = require('express');
const session = require('express-session');
const nunjucks = require('nunjucks');

const isMissing = (error) => error?.message.startsWith('template not found');

function newView(env) {
  const engine = env.render.bind(env);
  return class View {
    constructor(name) {
      this.path = `${name}.html`;
    }

    render(options, done) {
      engine(this.path, options, (error, html) => {
        if (!isMissing(error) || this.path.endsWith('/index.html')) return done(error, html);
        this.path = this.path.replace('.html', '/index.html');
        this.render(options, done);
      });
    }
  };
}

function checked(name, value) {
  const path = name.includes('[') ? [...name.matchAll(/'(.*?)'/g)].map(([, key]) => key) : [name];
  let found = this.ctx.data;
  for (const key of path) found = found?.[key];
  return [found].flat().includes(value) ? 'checked' : '';
}

exports.init = async ({ serviceName, viewsPath }) => {
  const app = express();
  const components = ['dist/nhsuk/components', 'dist/nhsuk/macros', 'dist/nhsuk', 'dist'];
  const views = [...viewsPath, ...components.map((path) => `node_modules/nhsuk-frontend/${path}`)];
  // The kit says `noCache: true`: it compiles a component's template anew for each call, too slow for pages of a hundred.
  const env = nunjucks.configure(views, { express: app });
  env.addGlobal('checked', checked);
  app.set('view', newView(env));
  app.use(express.urlencoded({ extended: true }));
  app.use(session({ secret: 'secret', resave: false, saveUninitialized: true }));
  app.use((req, res, next) => {
    req.session.data = { ...req.session.data, ...req.body };
    Object.assign(res.locals, { serviceName, data: req.session.data });
    next();
  });
  return {
    nunjucks: env,
    control(sweeper) {
      app.get('/-bump', (_req, res) => sweeper.invalidateAll().then(() => res.send('bumped')));
      app.get('/-stats', (_req, res) => res.send(sweeper.stats()));
    },
    start() {
      app.post(/./, (req, res) => res.redirect(req.path));
      app.use((req, res, next) => {
        res.render(req.path.slice(1) || 'index', {}, (error, html) => {
          if (error) return isMissing(error) ? next() : next(error);
          res.set('Content-Type', 'text/html; charset=utf-8').end(html);
        });
      });
      app.listen(process.env.PORT);
    },
  };
};
