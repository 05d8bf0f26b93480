import type { Hears, HttpAnswer, HttpExchange } from '../http-exchange.ts';
import { hasCredentials } from './credentials.ts';

/** An instance of axios. */
export interface AxiosLike {
  // Its types are the site's own, so this file does not depend on them.
  readonly interceptors: { readonly request: unknown; readonly response: unknown };
  getUri: unknown;
}

interface Instance {
  readonly interceptors: {
    readonly request: { use(before: (config: Config) => Promise<Config>): void };
    readonly response: {
      use(answered: (response: Answer) => Promise<Answer>, failed: (error: unknown) => Promise<never>): void;
    };
  };
  getUri(config: Config): string;
}

interface Config {
  readonly method?: string;
  readonly headers?: unknown;
  readonly auth?: unknown;
  adapter?: unknown;
  transformResponse?: unknown;
  [exchange: symbol]: HttpExchange | undefined;
}

/** A request of Node's http: the last one of a chain of redirects. */
interface NodeRequest {
  readonly method?: unknown;
  readonly res?: { readonly responseUrl?: unknown };
  /** Where the last request of the chain goes. */
  readonly _currentUrl?: unknown;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly config: Config;
  readonly request?: NodeRequest;
}

/** Makes an instance of axios heard. Its interceptors must be the first ones that are added, to stand next to the request. */
export function listenToAxios<A extends AxiosLike>(hears: Hears, axios: A): A {
  const instance = axios as unknown as Instance;
  /** Enumerable, so that it is in copies that other interceptors make; its own, because several may hear one instance. */
  const EXCHANGE = Symbol('nunjucks-cachesweeper exchange');
  /** By errors of the site's functions, which have no config. */
  const failed = new WeakMap<object, HttpExchange>();
  instance.interceptors.request.use(async (config) => {
    const exchange = hears(config.method ?? 'GET', instance.getUri(config));
    config[EXCHANGE] = exchange;
    if (exchange === undefined) return config;
    const note = (error: unknown) => {
      if (typeof error === 'object' && error !== null) failed.set(error, exchange);
    };
    config.adapter = noting(config.adapter, note);
    config.transformResponse = noting(config.transformResponse, note);
    await exchange.begin();
    return config;
  });
  instance.interceptors.response.use(
    async (response) => {
      await response.config[EXCHANGE]?.answered(answerOf(instance, response));
      return response;
    },
    async (error: unknown) => {
      const { response, config, request } = (error ?? {}) as Partial<Answer> & { readonly response?: Answer };
      const exchange = config?.[EXCHANGE] ?? failed.get(error as object);
      const at = request?._currentUrl;
      await (response === undefined
        ? exchange?.failed(typeof at === 'string' ? [at] : [])
        : exchange?.answered(answerOf(instance, response)));
      throw error;
    },
  );
  return axios;
}

/** Returns functions of the site whose errors are noted; what is no function as it is. */
function noting(value: unknown, note: (error: unknown) => void): unknown {
  if (Array.isArray(value)) return value.map((each) => noting(each, note));
  if (typeof value !== 'function') return value;
  return function (this: unknown, ...args: unknown[]): unknown {
    try {
      const result: unknown = value.apply(this, args);
      if (result instanceof Promise) result.catch(note);
      return result;
    } catch (error) {
      note(error);
      throw error;
    }
  };
}

function answerOf(instance: Instance, { status, headers, config, request }: Answer): HttpAnswer {
  const url = instance.getUri(config);
  const last = request?.res?.responseUrl;
  const method = request?.method ?? config.method;
  const isRedirected =
    typeof last === 'string' && (!isSame(last, url) || String(method).toUpperCase() !== config.method?.toUpperCase());
  return {
    status,
    redirects: isRedirected ? [last] : [],
    hasCredentials: hasCredentials(config.headers) || (config.auth !== undefined && config.auth !== null),
    header: (name) => (headers[name] === undefined ? undefined : String(headers[name])),
  };
}

function isSame(a: string, b: string): boolean {
  return URL.canParse(b) && new URL(a).href === new URL(b).href;
}
