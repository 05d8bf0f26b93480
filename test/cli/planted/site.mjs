import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';

// The environment of the planted templates, as `--config` takes it.
export default async function createEnvironment() {
  const env = new nunjucks.Environment(new nunjucks.FileSystemLoader(import.meta.dirname));
  env.addGlobal('number', new Intl.NumberFormat('en'));
  env.addGlobal('labels', new Map([['a', 'A']]));
  env.addGlobal('tools', {
    money: new Intl.NumberFormat('en', { style: 'currency', currency: 'EUR' }),
    name: (article) => article.title,
  });
  env.addFilter('day', (date) => String(date));
  return new CacheSweeper().install(env);
}
