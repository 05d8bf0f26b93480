import nunjucks from 'nunjucks';
import { CacheSweeper, type CacheSweeperOptions, lazy } from 'nunjucks-cachesweeper';
import type { HttpModelsOptions, HttpRule } from 'nunjucks-cachesweeper/http';
import { ObjectLoader } from '../support/loaders.ts';
import type { HttpApi } from './api.ts';
import type { Client, Send } from './clients.ts';

/** What the page of the tests shows, each in a fragment of its own. */
export const PATHS: readonly string[] = [
  '/',
  '/articles',
  '/articles/7',
  '/articles/7/comments',
  '/articles/8',
  '/articles/9',
  '/articles/77',
  '/tags',
  '/tags/3',
];

const TEMPLATE =
  '{% for path in paths %}{% cachesweeper "Shown" 500 path %}[{{ path }} {{ get(path) }}]{% endcachesweeper %}{% endfor %}';

/** A site whose pages show resources of an API, loaded by a client that is heard. */
export class ApiSite {
  readonly api: HttpApi;
  readonly sweeper: CacheSweeper;
  readonly send: Send;
  readonly #env: nunjucks.Environment;

  constructor(
    api: HttpApi,
    client: Client,
    {
      rules = [],
      http = {},
      ...options
    }: CacheSweeperOptions & { rules?: readonly HttpRule[]; http?: HttpModelsOptions } = {},
  ) {
    this.api = api;
    this.sweeper = new CacheSweeper(options);
    this.#env = this.sweeper.install(new nunjucks.Environment(new ObjectLoader({ 'page.njk': TEMPLATE })));
    this.send = client.make(this.sweeper, rules, http);
  }

  /** Renders the page. */
  render(paths: readonly string[] = PATHS): Promise<string> {
    const get = lazy(async (path: string) => JSON.parse(await this.send('GET', this.api.origin + path)).version);
    return this.sweeper.render(this.#env, 'page.njk', { paths, get });
  }

  /** Renders the page and returns what had to be loaded for it. */
  async loaded(paths: readonly string[] = PATHS): Promise<readonly string[]> {
    this.api.take();
    await this.render(paths);
    return this.api.take().map((asked) => asked.replace('GET ', ''));
  }
}
