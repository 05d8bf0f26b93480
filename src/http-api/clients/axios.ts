import type { Hears, HttpExchange } from '../http-exchange.ts';
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

const EXCHANGE: unique symbol = Symbol('nunjucks-cachesweeper exchange');

interface Config {
  readonly method?: string;
  readonly headers?: unknown;
  readonly auth?: unknown;
  /** Enumerable, so that it is in copies that other interceptors make. */
  [EXCHANGE]?: HttpExchange | undefined;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly config: Config;
  /** Of Node's http: the last request of a chain of redirects. */
  readonly request?: { readonly method?: unknown; readonly res?: { readonly responseUrl?: unknown } };
}

/** Makes an instance of axios heard. Its interceptors must be the first ones that are added, to stand next to the request. */
export function listenToAxios<A extends AxiosLike>(hears: Hears, axios: A): A {
  const instance = axios as unknown as Instance;
  instance.interceptors.request.use(async (config) => {
    const isPersonal = hasCredentials(config.headers) || (config.auth !== undefined && config.auth !== null);
    const exchange = hears(config.method ?? 'GET', instance.getUri(config), isPersonal);
    config[EXCHANGE] = exchange;
    await exchange?.begin();
    return config;
  });
  instance.interceptors.response.use(
    async (response) => {
      await told(instance, response);
      return response;
    },
    async (error: unknown) => {
      const { response, config } = (error ?? {}) as { readonly response?: Answer; readonly config?: Config };
      if (response !== undefined) await told(instance, response);
      else await config?.[EXCHANGE]?.failed();
      throw error;
    },
  );
  return axios;
}

async function told(instance: Instance, { status, headers, config, request }: Answer): Promise<void> {
  const url = instance.getUri(config);
  const last = request?.res?.responseUrl;
  const method = request?.method ?? config.method;
  const isRedirected =
    typeof last === 'string' && (!isSame(last, url) || String(method).toUpperCase() !== config.method?.toUpperCase());
  await config[EXCHANGE]?.answered({
    status,
    redirects: isRedirected ? [last] : [],
    header: (name) => (headers[name] === undefined ? undefined : String(headers[name])),
  });
}

function isSame(a: string, b: string): boolean {
  return URL.canParse(b) && new URL(a).href === new URL(b).href;
}
