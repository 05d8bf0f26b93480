import nunjucks from 'nunjucks';
import { CacheSweeper, type CacheSweeperOptions, type RenderReport } from 'nunjucks-cachesweeper';
import { ObjectLoader, type Templates } from '../support/loaders.ts';
import { renderPage } from '../support/render.ts';

export interface Site {
  readonly env: nunjucks.Environment;
  readonly sweeper: CacheSweeper;
  readonly templates: Templates;
  /** Keys of the fragments of the last render, in the order in which they were asked for. */
  readonly keys: string[];
  readonly reports: RenderReport[];
  /** Renders `page.njk`, or another template, with a callback. */
  render(context: object, name?: string): Promise<string>;
  /** Outcomes of the last render's fragments, with the reason where they were not stored. */
  outcomes(): string[];
}

export interface SiteOptions {
  readonly sweeper?: CacheSweeperOptions;
  readonly env?: nunjucks.ConfigureOptions;
  readonly loader?: nunjucks.ILoader | nunjucks.ILoader[];
}

/** An environment with a sweeper; a single template is `page.njk`. */
export function site(source: string | Templates, { sweeper: settings, env: options, loader }: SiteOptions = {}): Site {
  const templates = typeof source === 'string' ? { 'page.njk': source } : source;
  const keys: string[] = [];
  const reports: RenderReport[] = [];
  const sweeper = new CacheSweeper({
    key: (parts) => {
      const key = JSON.stringify(parts);
      keys.push(key);
      return key;
    },
    onRender: (report) => reports.push(report),
    ...settings,
  });
  const env = sweeper.install(
    new nunjucks.Environment(loader ?? (new ObjectLoader(templates) as nunjucks.ILoader), options),
  );
  return {
    env,
    sweeper,
    templates,
    keys,
    reports,
    render: (context, name = 'page.njk') => {
      keys.length = 0;
      return renderPage(env, name, context);
    },
    outcomes: () =>
      (reports.at(-1)?.fragments ?? []).map(({ outcome, reason }) => (reason === undefined ? outcome : reason)),
  };
}

/** A fragment around some template text. */
export const fragment = (model: string, body: string): string =>
  `{% cachesweeper ${model} 500 %}${body}{% endcachesweeper %}`;

/** The error of a promise that must be rejected. */
export async function failure(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  try {
    await promise;
  } catch (error) {
    return error as Error & { code?: string };
  }
  throw new Error('expected an error, and there was none');
}
