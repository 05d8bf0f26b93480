import { fileURLToPath } from 'node:url';
import type hapi from '@hapi/hapi';
import vision from '@hapi/vision';
import nunjucks from 'nunjucks';
import type { CacheSweeper } from 'nunjucks-cachesweeper';
import { viewEngine } from 'nunjucks-cachesweeper/hapi';
import { ownCompile } from '../../examples/hapi-own-compile.ts';
import { context } from './context.ts';
import { PlainTags } from './plain-tags.ts';

const folder = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));

interface Options {
  readonly environment: nunjucks.Environment;
}

/** The ways in which a site has vision render. */
export const engines = {
  /** As public sites do. */
  'its own compile': {
    compileMode: 'sync',
    engine: () => ({
      compile(src: string, options: Options) {
        const template = nunjucks.compile(src, options.environment);
        return (context: object) => template.render(context);
      },
    }),
  },
  'its own compile that waits': {
    compileMode: 'async',
    engine: () => ownCompile,
  },
  viewEngine: { compileMode: 'async', engine: viewEngine },
} as const;

export type Way = keyof typeof engines;

/** What `server.register` takes to have views, with the sweeper or as the site was without it. */
export function nunjucksConfig(
  way: Way,
  isCached: boolean,
  sweeper: CacheSweeper | undefined,
): hapi.ServerRegisterPluginObject<unknown> {
  const environment = nunjucks.configure([folder('server/common/templates'), folder('server/common/components')], {
    autoescape: true,
    trimBlocks: true,
    lstripBlocks: true,
    noCache: !isCached,
  });
  if (sweeper === undefined) environment.addExtension('plain tags', new PlainTags());
  else sweeper.install(environment);
  environment.addFilter('formatDate', (date: Date) => date.toISOString().slice(0, 10));
  environment.addGlobal('site', { name: 'Blog' });
  const { compileMode, engine } = engines[way];
  return {
    plugin: vision.plugin as hapi.Plugin<unknown>,
    options: {
      engines: { njk: engine(environment) },
      compileMode,
      compileOptions: { environment },
      relativeTo: folder(''),
      path: 'server',
      isCached,
      context,
    },
  };
}
