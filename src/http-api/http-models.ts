import { dependencyNames } from '../model/names.ts';
import type { Loading } from '../render/loading.ts';
import { ownPartsOf } from '../sweeper/parts.ts';
import type { CacheSweeper } from '../sweeper.ts';
import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { type AxiosLike, listenToAxios } from './clients/axios.ts';
import { hearingFetch } from './clients/fetch.ts';
import { type GotHooks, gotHooks } from './clients/got.ts';
import { listenToSuperagent, type SuperagentRequest } from './clients/superagent.ts';
import { hearingDispatch, type UndiciDispatch, type UndiciHandler, type UndiciOptions } from './clients/undici.ts';
import { type Hears, parsedUrl, ReadExchange, WriteExchange } from './http-exchange.ts';
import { checkOptions, type HttpModelsOptions } from './options.ts';
import { ResourceNames } from './resource-names.ts';
import { type HttpRequest, type HttpRule, HttpRules } from './rules.ts';
import { Writer } from './writer.ts';

/** Methods that only ask, and whose answers are shown. */
const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'QUERY']);
/** Methods that change no resource, and whose answers are not of one. */
const OTHER: ReadonlySet<string> = new Set(['OPTIONS', 'TRACE', 'CONNECT']);

/**
 * Listens to the clients of HTTP APIs: what a page has fetched it depends on, and what is written is invalidated.
 *
 * @see httpModels
 */
export class HttpModels {
  readonly #loading: Loading;
  readonly #rules: HttpRules;
  readonly #writer: Writer;
  readonly #credentials: 'visitor' | 'site';
  /**
   * Like the global `fetch`, and heard. May be called without its object.
   *
   * @throws what `fetch` throws; with `strict`, CacheSweeperError CACHESWEEPER_BUMP_FAILED
   *
   * @example
   * const { fetch } = httpModels(sweeper);
   * const article = lazy(async () => (await fetch('https://api.example/articles/7')).json());
   */
  readonly fetch: typeof fetch;

  constructor(sweeper: CacheSweeper, rules: readonly HttpRule[], options: HttpModelsOptions) {
    checkOptions(sweeper, options);
    const { strict = false, credentials = 'visitor', fetch: given } = options;
    this.#rules = new HttpRules(rules);
    const { loading, uncertain } = ownPartsOf('httpModels()', sweeper);
    this.#loading = loading;
    this.#credentials = credentials;
    this.#writer = new Writer(sweeper, uncertain, this.#rules, strict);
    this.fetch = hearingFetch(this.#hears, given);
  }

  /**
   * Invalidates what a write to urls would, for writes that no client of this process has sent. May be called without its object.
   *
   * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION for what is no absolute url of HTTP; CACHESWEEPER_BUMP_FAILED, with `strict`
   *
   * @example
   * await http.written('https://api.example/articles/7');
   */
  readonly written = async (...urls: readonly (string | URL)[]): Promise<void> => {
    const parsed = urls.map((url) => {
      const absolute = parsedUrl(url);
      if (absolute === undefined) throw badOption('written()', 'absolute urls of HTTP', describe(url));
      return absolute;
    });
    await this.#writer.written({ method: 'PUT', urls: parsed, groups: [] });
  };

  /**
   * An interceptor for undici 7. On the global dispatcher it hears Node's own `fetch` as well.
   *
   * @example
   * setGlobalDispatcher(new Agent().compose(http.undici));
   */
  readonly undici = <O extends UndiciOptions, H extends UndiciHandler>(
    dispatch: UndiciDispatch<O, H>,
  ): UndiciDispatch<O, H> => hearingDispatch(this.#hears, dispatch);

  /**
   * Makes an instance of axios heard. Call it before other interceptors are added.
   *
   * @returns the same instance
   *
   * @example
   * const api = http.axios(axios.create({ baseURL: 'https://api.example' }));
   */
  readonly axios = <A extends AxiosLike>(axios: A): A => listenToAxios(this.#hears, axios);

  /**
   * A plugin for superagent.
   *
   * @example
   * const api = superagent.agent().use(http.superagent);
   */
  readonly superagent = (request: SuperagentRequest): void => listenToSuperagent(this.#hears, request);

  /**
   * Options for got.
   *
   * @example
   * const api = got.extend(http.got);
   */
  readonly got: GotHooks = gotHooks((...request) => this.#hears(...request));

  /** Returns what a client has to tell of a request that it is about to send; undefined for nothing. */
  readonly #hears: Hears = (method, target) => {
    const url = parsedUrl(target);
    if (url === undefined) return undefined;
    const request = { method: method.toUpperCase(), url };
    const ruled = this.#rules.of(request);
    if (ruled.isIgnored || OTHER.has(request.method)) return undefined;
    if (!READING.has(request.method) && !ruled.isSafe) return new WriteExchange(this.#writer, request);
    const loader = this.#loading.loader();
    if (loader === undefined) return undefined;
    const isVisitors = (ruled.credentials ?? this.#credentials) === 'visitor';
    try {
      return new ReadExchange(this.#loading, loader, url, (at) => this.#namesOf({ ...request, url: at }), isVisitors);
    } catch (error) {
      // It is not known which models it shows.
      this.#loading.report(error);
      loader.refuse('unknown token');
      return undefined;
    }
  };

  /** Returns what a read depends on. It throws errors of rules. */
  #namesOf(request: HttpRequest): ReadonlySet<string> {
    const models = this.#rules.of(request).models();
    return new Set([
      ...new ResourceNames(request.url).read,
      ...models.flatMap((model) => dependencyNames(this.#loading.identifier.identity(model))),
    ]);
  }
}

/**
 * Makes what pages fetch from HTTP APIs their dependencies, and invalidates what is written: no `invalidateCacheFor` is needed.
 * A read in a `lazy`, in a view or after `requestStart()` makes the fragments and the view depend on its url. A write invalidates its
 * url with any query, what is below it, and the collection above it, before its promise resolves.
 *
 * @param rules say which urls are which models; the first that matches counts. Default: none
 * @returns the clients: `fetch`, and what makes undici, axios, superagent and got heard
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when a rule or an option is not valid
 *
 * @example
 * const http = httpModels(sweeper, [
 *   { match: 'https://api.example/articles/:id', model: ({ id }) => ({ type: 'Article', id }) },
 * ]);
 * const article = lazy(async () => (await http.fetch('https://api.example/articles/7')).json());
 */
export function httpModels(
  sweeper: CacheSweeper,
  rules: readonly HttpRule[] = [],
  options: HttpModelsOptions = {},
): HttpModels {
  return new HttpModels(sweeper, rules, options);
}
