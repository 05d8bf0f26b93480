import { posix } from 'node:path';
import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { ObjectLoader, type Templates } from '../support/loaders.ts';
import { folder } from './folders.ts';
import { type Site, site } from './site.ts';

export type Compiled = Record<string, { root: () => void }>;

/** Nunjucks' own loader resolves relative names against the working directory. */
class PrecompiledLoader extends nunjucks.PrecompiledLoader {
  override resolve(from: string, to: string): string {
    return posix.join(posix.dirname(from), to);
  }
}

/** What `nunjucks.precompile` writes for a folder, as a build step runs it. */
export function precompile(templates: Templates, options: nunjucks.ConfigureOptions = {}): Compiled {
  const root = folder(templates);
  const env = new CacheSweeper().install(
    new nunjucks.Environment(new nunjucks.FileSystemLoader(root) as nunjucks.ILoader, options),
  );
  let compiled: Compiled = {};
  const wrapper = (sources: { name: string; template: string }[]) => {
    compiled = Object.fromEntries(
      sources.map(({ name, template }) => [name, new Function(`return (function() {${template}\n})()`)()]),
    );
    return '';
  };
  nunjucks.precompile(root, { env, include: [/\.njk$/], wrapper } as never);
  return compiled;
}

const loaderOf = (compiled: Compiled) => new PrecompiledLoader(compiled as never) as unknown as nunjucks.ILoader;

export const precompiledSite = (compiled: Compiled): Site => site({}, { loader: loaderOf(compiled) });

/** A site some of whose templates are precompiled. */
function partlyPrecompiledSite(templates: Templates, isPrecompiled: (name: string) => boolean): Site {
  const pick = <T>(all: Record<string, T>, isPicked: (name: string) => boolean): Record<string, T> =>
    Object.fromEntries(Object.entries(all).filter(([name]) => isPicked(name)));
  const rest = new ObjectLoader(pick(templates, (name) => !isPrecompiled(name)));
  return site({}, { loader: [loaderOf(pick(precompile(templates), isPrecompiled)), rest as nunjucks.ILoader] });
}

const isPage = (name: string) => name === 'page.njk';
/** How the templates reach the process: the syntax tree of a precompiled one is gone. */
export const ways: Record<string, (templates: Templates) => Site> = {
  'templates from source': (templates) => site(templates),
  'precompiled templates': (templates) => partlyPrecompiledSite(templates, () => true),
  'a precompiled page': (templates) => partlyPrecompiledSite(templates, isPage),
  'a page from source, the rest precompiled': (templates) => partlyPrecompiledSite(templates, (name) => !isPage(name)),
};
