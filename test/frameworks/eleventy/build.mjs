// Builds the site and prints what each build gave, as JSON. Arguments: JSON with
// how: the way the sweeper is installed (event, amend, foreign, or recipe for that of the docs, a module); builds: how many in this process;
// minute: the time at which they are built; store: a file; invalidate: an author to invalidate before; invalidateAll: whether
// everything is invalidated before each build; broken: whether the broken page is built too.
import { fileURLToPath } from 'node:url';
import Eleventy from '@11ty/eleventy';
import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { FileStore } from './file-store.mjs';

process.chdir(fileURLToPath(new URL('site/', import.meta.url)));

const {
  how,
  recipe,
  builds = 1,
  minute = 0,
  store,
  invalidate,
  invalidateAll,
  broken = false,
} = JSON.parse(process.argv[2]);
const byRecipe = recipe && (await import(recipe)).default;
let time = (10 + minute) * 60_000;
const sweeper = new CacheSweeper({ now: () => time, ...(store && { store: new FileStore(store), timeout: '10s' }) });
const foreign = new nunjucks.Environment(new nunjucks.FileSystemLoader(['_includes', '.']));
let edition = 0;
let bodies = 0;

async function build() {
  bodies = 0;
  edition++;
  // What is stored right after a bump, or after a token was made, is provisional.
  time += 30_000;
  const eleventy = new Eleventy('.', undefined, {
    quietMode: true,
    config(config) {
      config.addFilter('counted', (text) => {
        bodies++;
        return text;
      });
      config.addGlobalData('edition', edition);
      if (invalidateAll) config.on('eleventy.before', () => sweeper.invalidateAll());
      config.addPairedShortcode('box', (content) => `<div>${content}</div>`);
      if (!broken) config.ignores.add('broken.njk');
      if (how === 'recipe') byRecipe(config);
      if (how === 'event') config.on('eleventy.engine.njk', ({ environment }) => sweeper.install(environment));
      if (how === 'amend') config.amendLibrary('njk', (environment) => sweeper.install(environment));
      if (how === 'foreign') config.setLibrary('njk', sweeper.install(foreign));
    },
  });
  const pages = await eleventy.toJSON();
  await sweeper.idle();
  return { pages: Object.fromEntries(pages.map(({ url, content }) => [url, content])), bodies };
}

if (invalidate) await sweeper.invalidateCacheFor({ type: 'Author', id: invalidate });
const built = [];
for (let i = 0; i < builds; i++) built.push(await build());
const { entries } = sweeper.stats().memory;
await sweeper.close();
process.stdout.write(JSON.stringify({ built, entries }));
