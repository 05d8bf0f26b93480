import { badOption } from '../../util/check-option.ts';
import type { Hears, HttpExchange } from '../http-exchange.ts';
import { hasCredentials } from './credentials.ts';

/** The part of undici's options of a request that is used here. */
export interface UndiciOptions {
  readonly origin?: unknown;
  readonly path: string;
  readonly method: string;
  readonly headers?: unknown;
}

/** A handler of undici 7. */
export interface UndiciHandler {
  onRequestStart?(controller: never, context: never): void;
  onRequestUpgrade?(controller: never, status: number, headers: never, socket: never): void;
  onResponseStart?(controller: never, status: number, headers: never, message?: string): void;
  onResponseData?(controller: never, chunk: never): void;
  onResponseEnd?(controller: never, trailers: never): void;
  onResponseError?(controller: never, error: Error): void;
}

/** What undici has at each place of its chain of interceptors. */
export type UndiciDispatch<O extends UndiciOptions, H extends UndiciHandler> = (options: O, handler: H) => boolean;

/** Returns a dispatch that is heard. It throws CacheSweeperError CACHESWEEPER_BAD_OPTION for a request that does not tell its origin. */
export function hearingDispatch<O extends UndiciOptions, H extends UndiciHandler>(
  hears: Hears,
  dispatch: UndiciDispatch<O, H>,
): UndiciDispatch<O, H> {
  return (options, handler) => {
    const { method, headers } = options;
    const exchange = hears(method, urlOf(options));
    if (exchange === undefined) return dispatch(options, handler);
    const heard = new HeardHandler(
      handler as Required<UndiciHandler>,
      exchange,
      hasCredentials(headers),
    ) as UndiciHandler as H;
    const ready = exchange.begin();
    if (ready === undefined) return dispatch(options, heard);
    ready.then(
      () => dispatch(options, heard),
      (error) => handler.onResponseError?.(undefined as never, error),
    );
    return true;
  };
}

/** The path of a request is absolute, begins with a slash, or names no resource: `*`, or the host of a CONNECT. */
function urlOf({ origin, path }: UndiciOptions): string {
  if (!path.startsWith('/')) return path;
  if (origin !== undefined && origin !== null) return new URL(String(origin)).origin + path;
  throw badOption('the interceptor of httpModels()', 'a request that tells its origin', 'one without', {
    todo: 'compose it on an Agent and not on a Pool or Client, or give each request its { origin }',
  });
}

interface Context {
  /** Of undici's redirects: urls that were asked before. */
  readonly history?: readonly unknown[];
}

interface Controller {
  pause(): void;
  resume(): void;
  abort?(reason: unknown): void;
}

/** Passes on what undici tells of a request. An answer waits until what it has written is invalidated. */
class HeardHandler {
  readonly #handler: Required<UndiciHandler>;
  readonly #exchange: HttpExchange;
  readonly #hasCredentials: boolean;
  /** Interceptors between this one and the server may send a request several times. */
  #attempts = 0;
  #history: readonly unknown[] = [];
  #isAnswered = false;
  /** Whether it has failed here, so that nothing more is told. */
  #hasFailed = false;
  /** What is told while an answer waits; undefined while none does. */
  #held: (() => void)[] | undefined;

  constructor(handler: Required<UndiciHandler>, exchange: HttpExchange, hasCredentials: boolean) {
    this.#handler = handler;
    this.#exchange = exchange;
    this.#hasCredentials = hasCredentials;
  }

  onRequestStart(controller: never, context: Context): void {
    this.#attempts++;
    this.#history = context?.history ?? [];
    this.#handler.onRequestStart?.(controller, context as never);
  }

  onRequestUpgrade(controller: never, status: number, headers: never, socket: never): void {
    this.#handler.onRequestUpgrade?.(controller, status, headers, socket);
  }

  onResponseStart(controller: Controller, status: number, headers: Headers, message?: string): void {
    const pass = () => this.#handler.onResponseStart?.(controller as never, status, headers as never, message);
    // Before the answer there may be others, such as 103 Early Hints.
    if (status < 200) return pass();
    this.#isAnswered = true;
    // The first is the request itself.
    const redirects = this.#history.slice(1).map(String);
    const told = this.#exchange.answered({
      status,
      redirects,
      isRepeated: this.#attempts > redirects.length + 1,
      hasCredentials: this.#hasCredentials,
      header: (name) => joined(headers[name]),
    });
    if (told === undefined) return pass();
    controller.pause();
    this.#hold(told, controller, [
      () => {
        controller.resume();
        pass();
      },
    ]);
  }

  onResponseData(controller: never, chunk: never): void {
    this.#pass(() => this.#handler.onResponseData?.(controller, chunk));
  }

  onResponseEnd(controller: never, trailers: never): void {
    this.#pass(() => this.#handler.onResponseEnd?.(controller, trailers));
  }

  onResponseError(controller: Controller, error: Error): void {
    const pass = () => this.#handler.onResponseError?.(controller as never, error);
    const told = this.#isAnswered ? undefined : this.#exchange.failed();
    this.#isAnswered = true;
    if (told === undefined) return this.#pass(pass);
    this.#hold(told, controller, [pass]);
  }

  #pass(tell: () => void): void {
    if (this.#hasFailed) return;
    if (this.#held === undefined) tell();
    else this.#held.push(tell);
  }

  #hold(told: Promise<void>, controller: Controller, held: (() => void)[]): void {
    this.#held = held;
    const release = (): void => {
      // Resuming may tell more at once, which stands behind what was held.
      for (const tell of held) tell();
      this.#held = undefined;
    };
    // What a handler throws undici tells it as an error, and ends the request.
    told.then(release).catch((error) => {
      this.#hasFailed = true;
      this.#handler.onResponseError?.(controller as never, error);
      controller.abort?.(error);
    });
  }
}

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

function joined(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'object' ? value.join(', ') : value;
}
