import type nunjucks from 'nunjucks';

/** Renders with a callback, as web frameworks do. */
export function renderPage(env: nunjucks.Environment, name: string, context: object): Promise<string> {
  return new Promise((resolve, reject) => {
    env.render(name, context, (error, html) => (error ? reject(error) : resolve(html ?? '')));
  });
}
