import nunjucks from 'nunjucks';
import { CacheSweeper, type CacheSweeperOptions, type RenderReport, type Store } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { minifySync } from 'rolldown/utils';
import { OTHER_DELIMITERS } from '../../support/delimiters.ts';
import { ObjectLoader, type Templates } from '../../support/loaders.ts';
import { renderPage } from '../../support/render.ts';
import { addScope, plainTags } from '../../template/plain-holes.ts';
import { Clock } from '../../waiting/support.ts';
import { Article, Author, Comment } from './data.ts';

/** How a site writes its templates, and how they come to the process. */
export interface Style {
  readonly autoescape: boolean;
  readonly delimiters: boolean;
  readonly trimBlocks: boolean;
  readonly lstripBlocks: boolean;
  readonly from: 'loader' | 'precompiled' | 'minified';
}

export type Stores = 'memory' | 'memory and store' | 'store' | 'two processes';

const DELIMITERS: Readonly<Record<string, string>> = {
  '{%': '<%',
  '%}': '%>',
  '{{': '<$',
  '}}': '$>',
  '{#': '<#',
  '#}': '#>',
};

function styled(templates: Templates, { delimiters }: Style): Templates {
  if (!delimiters) return templates;
  const all = Object.entries(templates);
  return Object.fromEntries(
    all.map(([name, text]) => [
      name,
      text.replace(/\{%|%\}|\{\{|\}\}|\{#|#\}/g, (found) => DELIMITERS[found] as string),
    ]),
  );
}

function optionsOf({ autoescape, delimiters, trimBlocks, lstripBlocks }: Style): nunjucks.ConfigureOptions {
  return { autoescape, trimBlocks, lstripBlocks, ...(delimiters ? { tags: OTHER_DELIMITERS } : {}) };
}

interface Reader {
  readonly ctx: Record<string, unknown>;
  readonly env: nunjucks.Environment;
  lookup(name: string): unknown;
  getVariables(): Record<string, unknown>;
}

/** What Nunjucks' types leave out. */
interface WithTests extends nunjucks.Environment {
  addTest(name: string, test: (this: Reader, ...args: unknown[]) => boolean): void;
}

/** Functions of the environment, which read the page's variables or render parts of it. */
function withFunctions(env: nunjucks.Environment, templates: Templates): nunjucks.Environment {
  const safe = (html: string | null) => new nunjucks.runtime.SafeString(String(html));
  (env as WithTests).addTest('seenIn', function (this: Reader, _value: unknown, lang: unknown) {
    return this.ctx.lang === lang;
  });
  return env
    .addFilter('inLang', function (this: Reader, value: unknown) {
      return `${value}-${this.ctx.lang}`;
    })
    .addFilter('lookedUp', function (this: Reader, key: string) {
      const labels = this.lookup('labels') as Record<string, Record<string, string>> | undefined;
      return labels?.[String(this.lookup('lang'))]?.[key];
    })
    .addGlobal('langOf', function (this: Reader) {
      return this.ctx.lang;
    })
    .addGlobal('numberOf', function (this: Reader) {
      return (this.lookup('page') as { number: number } | undefined)?.number;
    })
    .addGlobal('brandOf', function (this: Reader, key: string) {
      return (this.ctx.locals as Record<string, unknown> | undefined)?.[key];
    })
    .addGlobal('everything', function (this: Reader) {
      const { lang, number } = this.getVariables();
      return `${lang}${number}`;
    })
    .addGlobal('shared', (value: unknown) => `s(${value})`)
    .addGlobal('site', { name: 'Site', year: 2026, greet: (who: string) => `hi ${who}` })
    .addGlobal('component', function (this: Reader, name: string, article: unknown, value: unknown) {
      return safe(env.render(name, { article, value, lang: this.ctx.lang, number: 1 }));
    })
    .addGlobal('inlined', function (this: Reader, name: string, article: unknown, value: unknown) {
      return safe(this.env.renderString(templates[name] as string, { article, value, lang: 'en', number: 1 }));
    });
}

addScope(nunjucks);

/** Nunjucks alone. */
export function plainEnvironment(templates: Templates, style: Style): nunjucks.Environment {
  const all = styled(templates, style);
  const env = new nunjucks.Environment(new ObjectLoader(all) as nunjucks.ILoader, optionsOf(style));
  return withFunctions(env.addExtension('tags', plainTags as never), all);
}

/** One compiled template. */
interface Properties {
  readonly root: () => void;
}

function compile(templates: Templates, style: Style): Record<string, Properties> {
  const loader = new ObjectLoader(templates) as nunjucks.ILoader;
  const env = new CacheSweeper().install(new nunjucks.Environment(loader, optionsOf(style)));
  let code = '';
  const wrapper = ([compiled]: { template: string }[]) => {
    code = compiled?.template ?? '';
    return '';
  };
  const all = Object.entries(templates).map(([name, text]): [string, Properties] => {
    nunjucks.precompileString(text, { name, env, wrapper } as never);
    const script = `module.exports = (function() {${code}\n})()`;
    const module = { exports: {} as Properties };
    new Function('module', style.from === 'minified' ? minifySync('template.js', script).code : script)(module);
    return [name, module.exports];
  });
  return Object.fromEntries(all);
}

/** One process with the sweeper. */
class Process {
  readonly env: nunjucks.Environment;
  readonly sweeper: CacheSweeper;
  constructor(loader: nunjucks.ILoader, templates: Templates, style: Style, options: CacheSweeperOptions) {
    this.sweeper = new CacheSweeper(options);
    for (const model of [Article, Author, Comment]) this.sweeper.register(model, {});
    this.env = this.sweeper.install(withFunctions(new nunjucks.Environment(loader, optionsOf(style)), templates));
  }
}

/** What goes by between two pages, in milliseconds: data is not late then, and some entries expire. */
const PAUSE = 10_000;

/** A site with the sweeper, in one process or two. */
export class Site {
  readonly processes: readonly Process[];
  readonly errors: unknown[] = [];
  readonly reports: RenderReport[] = [];
  readonly #clock = new Clock();

  /**
   * @param openStore makes a client of the one store of all processes; default: a store in this process
   * @throws what is thrown when the templates are compiled
   */
  constructor(
    templates: Templates,
    style: Style,
    stores: Stores,
    options: CacheSweeperOptions,
    openStore?: () => Store,
  ) {
    const all = styled(templates, style);
    const compiled = style.from === 'loader' ? undefined : compile(all, style);
    const { now } = this.#clock;
    const testing = new TestingStore({ now });
    const open = openStore ?? (() => testing);
    const settings: CacheSweeperOptions = {
      now,
      timeout: '10s',
      onRender: (report) => void this.reports.push(report),
      onError: (error) => void this.errors.push(error),
      ...(stores === 'store' ? { memory: false as const } : {}),
      ...options,
    };
    const loader = () =>
      (compiled === undefined
        ? new ObjectLoader(all)
        : new nunjucks.PrecompiledLoader(compiled as never)) as unknown as nunjucks.ILoader;
    const count = stores === 'two processes' ? 2 : 1;
    this.processes = Array.from({ length: count }, () => {
      const store = stores === 'memory' ? {} : { store: open() };
      return new Process(loader(), all, style, { ...store, ...settings });
    });
  }

  process(by: number): Process {
    return this.processes[by % this.processes.length] as Process;
  }

  pause(): void {
    this.#clock.advance(PAUSE);
  }

  /** Rendered as an application does, or as a framework does. */
  async render(context: object, by: number): Promise<string> {
    const { env, sweeper } = this.process(by);
    const html = await (by % 3 === 0 ? renderPage(env, 'page.njk', context) : sweeper.render(env, 'page.njk', context));
    await sweeper.idle();
    return html;
  }
}
