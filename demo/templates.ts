import path from 'node:path';
import type { Express } from 'express';
import nunjucks, { type Environment } from 'nunjucks';

// From build/demo/, where this file is compiled to.
const root = path.resolve(import.meta.dirname, '../..');

export const publicFolder = path.join(root, 'demo/public');

const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' });

/** The environment of the site's templates, with the filters and functions that they use. */
export function createEnvironment(app: Express): Environment {
  const env = nunjucks.configure(path.join(root, 'templates'), { autoescape: true, express: app });
  app.set('view engine', 'njk');
  env.addFilter('day', (date: Date) => day.format(date));
  env.addFilter('iso', (date: Date) => date.toISOString());
  env.addFilter('count', (number: number, one: string, many: string) => `${number} ${number === 1 ? one : many}`);
  env.addFilter('pieces', pieces);
  env.addFilter('milliseconds', (number: number) => `${number.toFixed(number < 10 ? 1 : 0)} ms`);
  // Printed inside fragments to show when their body ran; a page that hits shows an old time, which is the point.
  env.addGlobal('clock', () => new Date().toISOString().slice(11, 23));
  return env;
}

/** Cuts a text at its `code`, so that the template can mark it up and still escape every piece. */
function pieces(text: string): { code: boolean; text: string }[] {
  return text.split(/`([^`\n]+)`/).map((piece, index) => ({ code: index % 2 === 1, text: piece }));
}
