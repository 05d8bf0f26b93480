import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';

/** The part of a hapi request that is used here. */
export interface HapiRequest {
  readonly raw: { readonly req: IncomingMessage; readonly res: ServerResponse };
  readonly method: string;
  readonly path: string;
  readonly url: URL;
  readonly headers: object;
  readonly query: object;
  readonly params: object;
  readonly info: { readonly host: string; readonly hostname: string };
  readonly app: object;
  readonly plugins: object;
  readonly auth: { readonly isAuthenticated: boolean; readonly credentials: unknown };
  readonly route: object;
  readonly server: { readonly info: { readonly protocol: string } };
}

/** The parts of a request that only this package's own code uses. */
export interface WholeRequest extends HapiRequest {
  readonly isInjected: boolean;
  readonly headers: IncomingHttpHeaders;
  readonly state: object | null;
  /** What was there before a validation changed it. */
  readonly orig: { readonly headers?: object; readonly state?: object; readonly query?: object };
  readonly info: HapiRequest['info'] & {
    readonly acceptEncoding: string | null;
    readonly id: string;
    readonly referrer: string;
  };
  /** Whether its client is still there. */
  active(): boolean;
  log(...args: unknown[]): unknown;
  readonly response: HapiResponse | HapiError | symbol | null;
  readonly route: HapiRoute;
  /** The session of @hapi/yar. */
  readonly yar?: unknown;
}

/** A response that is not yet on its way. */
export interface HapiResponse {
  readonly isBoom?: undefined;
  readonly variety: string;
  readonly source: unknown;
  readonly headers: Record<string, string | number | string[] | undefined>;
  readonly statusCode: number;
  readonly settings: { readonly ttl: number | null };
  charset(charset: string): HapiResponse;
  code(status: number): HapiResponse;
  header(name: string, value: unknown): HapiResponse;
  takeover(): HapiResponse;
}

export interface HapiError {
  readonly isBoom: true;
}

/** The part of hapi's toolkit that is used here. */
export interface HapiToolkit {
  readonly continue: symbol;
  response(source?: unknown): HapiResponse;
}

export type Handler = (this: unknown, request: WholeRequest, h: HapiToolkit) => unknown;

/** A route, as hapi tells of it and as each request has it. */
export interface HapiRoute {
  readonly method: string;
  readonly path: string;
  readonly vhost?: string | readonly string[] | undefined;
  readonly settings: {
    readonly plugins?: { readonly cacheView?: unknown };
    handler?: unknown;
    response?: object;
    readonly cache?: {
      readonly expiresIn?: number;
      readonly expiresAt?: string;
      readonly statuses?: readonly number[];
      readonly otherwise?: string;
    };
    readonly json?: object;
  };
}

type Extension = (request: WholeRequest, h: HapiToolkit) => unknown;

/** The part of a hapi server that is used here. */
export interface HapiServer {
  readonly listener: { prependListener(event: 'request', heard: () => void): unknown };
  readonly events: { on(event: 'route', heard: (route: HapiRoute) => void): unknown };
  /** hapi's own. */
  readonly _core?: { readonly extensionsSeq?: number };
  table(): readonly HapiRoute[];
  ext(event: 'onPreStart', method: () => void): unknown;
  ext(event: 'onPreHandler' | 'onPostHandler' | 'onPreResponse', method: Extension): unknown;
  decorate(
    type: 'request',
    name: symbol,
    value: (request: WholeRequest) => unknown,
    options: { readonly apply: true },
  ): unknown;
}

/** A plugin, as `server.register` takes it. */
export interface HapiPlugin {
  readonly name: string;
  readonly once?: boolean;
  register(server: object): void;
}
