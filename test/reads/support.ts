import nunjucks from 'nunjucks';
import { CacheSweeper, type CacheSweeperOptions, type FragmentReport, type RenderReport } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { expect } from 'vitest';
import { ObjectLoader, type Templates } from '../support/loaders.ts';
import { inTurn, isDeep } from '../support/long.ts';
import { renderPage } from '../support/render.ts';

export type Kind = 'memory' | 'a store' | 'a store and memory';

const KINDS: readonly Kind[] = ['memory', 'a store', 'a store and memory'];

/** Returns where entries live, for `describe.each`. In `npm test` each file has one of the two that have least in common. */
export function kindsFor(file: string): readonly Kind[] {
  return inTurn(isDeep ? KINDS : KINDS.slice(0, 2), file.slice(file.lastIndexOf('/')));
}

/** A tag on the model `a` around a body; more arguments may follow its ttl. */
export const T = (body: string, args = ''): string => `{% cachesweeper a 500 ${args} %}${body}{% endcachesweeper %}`;

/** A tag on another model. */
export const F = (model: string, body: string): string => `{% cachesweeper ${model} 500 %}${body}{% endcachesweeper %}`;

/** What a report says of one fragment. */
export type Told = FragmentReport & { readonly reads?: readonly string[]; readonly unseen?: unknown };

export interface SiteOptions {
  readonly sweeper?: CacheSweeperOptions;
  /** Adds globals, filters and tests, to the environment with the sweeper and to the one without. */
  readonly helpers?: (env: nunjucks.Environment) => void;
  /** Templates are looked up anew for each page. */
  readonly edited?: boolean;
  /** Data shared with another site: two processes on one store. */
  readonly shared?: Site;
}

/** One process of a site, and the same templates in plain Nunjucks. Time passes only when a test says so. */
export class Site {
  now = Date.UTC(2026, 10, 1);
  readonly templates: Templates;
  readonly store: TestingStore | undefined;
  readonly sweeper: CacheSweeper;
  readonly env: nunjucks.Environment;
  readonly plain: nunjucks.Environment;
  readonly reports: RenderReport[] = [];
  readonly errors: unknown[] = [];

  /** @param source all templates, or that of `page.njk` */
  constructor(source: string | Templates, kind: Kind, { sweeper, helpers, shared, edited = false }: SiteOptions = {}) {
    this.templates = typeof source === 'string' ? { 'page.njk': source } : source;
    const now = () => this.now;
    if (kind !== 'memory') {
      this.store = new TestingStore({ now, ...(shared?.store === undefined ? {} : { shared: shared.store }) });
    }
    if (shared !== undefined) this.now = shared.now;
    this.sweeper = new CacheSweeper({
      now,
      timeout: '10s',
      onRender: (report) => void this.reports.push(report),
      onError: (error) => void this.errors.push(error),
      ...(this.store === undefined ? {} : { store: this.store }),
      ...(kind === 'a store' ? { memory: false } : {}),
      ...sweeper,
    });
    this.env = this.sweeper.install(environment(this.templates, edited));
    this.plain = environment(withoutTags(this.templates), edited);
    helpers?.(this.env);
    helpers?.(this.plain);
  }

  /** The page as the sweeper makes it; its entries are stored when it is there. */
  async cached(context: object, name = 'page.njk'): Promise<string> {
    const html = await renderPage(this.env, name, context);
    await this.sweeper.idle();
    return html;
  }

  /** The page as Nunjucks alone makes it. */
  alone(context: object, name = 'page.njk'): Promise<string> {
    return renderPage(this.plain, name, context);
  }

  /**
   * Renders a page with the sweeper and by Nunjucks alone: both must give the same html. The context is made anew for
   * each, as it is for each request.
   *
   * @param plain the context without what only a sweeper knows, such as a `lazy`
   * @returns what became of the fragments
   */
  async show(context: () => object, plain: () => object = context): Promise<readonly string[]> {
    const html = await this.cached(context());
    expect(html).toBe(await this.alone(plain()));
    return this.outcomes;
  }

  /** What became of the last page's fragments, inner ones first. */
  get fragments(): readonly Told[] {
    return this.reports.at(-1)?.fragments ?? [];
  }

  /** The same in short: `hit`, `miss` or why it was not stored. */
  get outcomes(): readonly string[] {
    return this.fragments.map(({ outcome, reason }) => reason ?? outcome);
  }

  /** The paths in the key of the last page's only fragment, in no order that counts. */
  get reads(): readonly string[] {
    return [...(this.only.reads ?? [])].sort();
  }

  /** What could not be seen of it, as text. */
  get unseen(): string {
    return textOf(this.only.unseen);
  }

  get only(): Told {
    const [fragment, ...others] = this.fragments;
    if (fragment === undefined || others.length > 0) throw new Error(`${this.fragments.length} fragments, expected 1`);
    return fragment;
  }
}

/** A list, a text or nothing as text. */
export function textOf(value: unknown): string {
  if (value === undefined) return '';
  return Array.isArray(value)
    ? value.map(textOf).join('\n')
    : typeof value === 'string'
      ? value
      : JSON.stringify(value);
}

/** Adds a test, which the types of Nunjucks do not know. */
export function addTest(env: nunjucks.Environment, name: string, test: (...args: never[]) => boolean): void {
  (env as unknown as { addTest(name: string, test: unknown): void }).addTest(name, test);
}

/** The error of a promise that must be rejected. */
export async function failure(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  try {
    await promise;
  } catch (error) {
    return error as Error & { code?: string };
  }
  throw new Error('expected an error, and there was none');
}

function environment(templates: Templates, isEdited: boolean): nunjucks.Environment {
  return new nunjucks.Environment(new (isEdited ? EditedLoader : ObjectLoader)(templates) as nunjucks.ILoader, {
    autoescape: true,
  });
}

/** Templates that are edited while the site runs: Nunjucks keeps none of them. */
class EditedLoader extends ObjectLoader {
  override getSource(name: string): nunjucks.LoaderSource {
    const found = super.getSource(name);
    return found && { ...found, noCache: true };
  }
}

/** The same templates, looked up anew at each access, with nothing but the bodies. */
function withoutTags(templates: Templates): Templates {
  return new Proxy(templates, {
    get: (target, name) =>
      target[name as string]
        ?.replace(/{%-?\s*cachesweeper\s[\s\S]*?-?%}/g, '{% if true %}')
        .replace(/{%-?\s*endcachesweeper\s*-?%}/g, '{% endif %}')
        .replace(/{%\s*depends\s.*?%}/g, ''),
  });
}

/**
 * Returns a function that shows pages of a new site, each as plain Nunjucks renders it: `warm` times, so that their
 * reads are known, and once more. More templates than `page.njk` may be given.
 */
export const sameIn =
  (kind: Kind) =>
  async (
    source: string,
    pages: readonly (() => object)[],
    helpers?: (env: nunjucks.Environment) => void,
    warm = 1,
    templates: Templates = {},
  ): Promise<Site> => {
    const site = new Site({ 'page.njk': source, ...templates }, kind, helpers === undefined ? {} : { helpers });
    for (let i = 0; i <= warm; i++) for (const page of pages) await site.show(page);
    return site;
  };
