// Gives Eleventy Mozilla's nunjucks in place of its own @11ty/nunjucks, as its versions before 3.1.7 had it.
import { register } from 'node:module';

const hooks = `export const resolve = (name, context, next) =>
  next(name, name === 'nunjucks' ? { ...context, parentURL: ${JSON.stringify(import.meta.url)} } : context);`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`, import.meta.url);
