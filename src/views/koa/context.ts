import type { IncomingMessage, ServerResponse } from 'node:http';

/** The part of Koa's context that is used here. */
export interface KoaContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly request: object;
  /** Koa's response; setting the context's `body` sets this one's. */
  readonly response: object;
  readonly originalUrl: string;
  readonly protocol: string;
  readonly host: string;
  readonly state: object;
  status: number;
  body: unknown;
  /** False if the handler sends its answer by itself. */
  readonly respond?: boolean | undefined;
  set(name: string, value: string | string[]): void;
  remove(name: string): void;
}

/** Properties that @koa/router adds. */
export interface RoutedContext extends KoaContext {
  readonly params?: Readonly<Record<string, unknown>>;
  readonly _matchedRoute?: unknown;
  readonly routerPath?: string;
  readonly matched?: readonly { readonly stack?: readonly unknown[] }[];
}
