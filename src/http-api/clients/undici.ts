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

/** Returns a dispatch that is heard. */
export function hearingDispatch<O extends UndiciOptions, H extends UndiciHandler>(
  hears: Hears,
  dispatch: UndiciDispatch<O, H>,
): UndiciDispatch<O, H> {
  return (options, handler) => {
    const { origin, path, method, headers } = options;
    const exchange = URL.canParse(path, String(origin))
      ? hears(method, new URL(path, String(origin)), hasCredentials(headers))
      : undefined;
    if (exchange === undefined) return dispatch(options, handler);
    const heard = new HeardHandler(handler as Required<UndiciHandler>, exchange) as UndiciHandler as H;
    const ready = exchange.begin();
    if (ready === undefined) return dispatch(options, heard);
    ready.then(
      () => dispatch(options, heard),
      (error) => handler.onResponseError?.(undefined as never, error),
    );
    return true;
  };
}

interface Controller {
  pause(): void;
  resume(): void;
}

/** Passes on what undici tells of a request. An answer waits until what it has written is invalidated. */
class HeardHandler {
  readonly #handler: Required<UndiciHandler>;
  readonly #exchange: HttpExchange;
  #isAnswered = false;
  /** What is told while an answer waits; undefined while none does. */
  #held: (() => void)[] | undefined;

  constructor(handler: Required<UndiciHandler>, exchange: HttpExchange) {
    this.#handler = handler;
    this.#exchange = exchange;
  }

  onRequestStart(controller: never, context: never): void {
    this.#handler.onRequestStart?.(controller, context);
  }

  onRequestUpgrade(controller: never, status: number, headers: never, socket: never): void {
    this.#handler.onRequestUpgrade?.(controller, status, headers, socket);
  }

  onResponseStart(controller: Controller, status: number, headers: Headers, message?: string): void {
    const pass = () => this.#handler.onResponseStart?.(controller as never, status, headers as never, message);
    // Before the answer there may be others, such as 103 Early Hints.
    if (status < 200) return pass();
    this.#isAnswered = true;
    const told = this.#exchange.answered({ status, header: (name) => joined(headers[name]) });
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

  onResponseError(controller: never, error: Error): void {
    const pass = () => this.#handler.onResponseError?.(controller, error);
    const told = this.#isAnswered ? undefined : this.#exchange.failed();
    this.#isAnswered = true;
    if (told === undefined) return this.#pass(pass);
    this.#hold(told, controller, [pass]);
  }

  #pass(tell: () => void): void {
    if (this.#held === undefined) tell();
    else this.#held.push(tell);
  }

  #hold(told: Promise<void>, controller: unknown, held: (() => void)[]): void {
    this.#held = held;
    const release = (): void => {
      // Resuming may tell more at once, which stands behind what was held.
      for (const tell of held) tell();
      this.#held = undefined;
    };
    told.then(release, (error) => {
      this.#held = undefined;
      this.#handler.onResponseError?.(controller as never, error);
      (controller as { abort?(reason: unknown): void }).abort?.(error);
    });
  }
}

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

function joined(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'object' ? value.join(', ') : value;
}
