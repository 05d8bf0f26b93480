import type { Hears, HttpAnswer, HttpExchange } from '../http-exchange.ts';
import { hasCredentials } from './credentials.ts';
import { unawaited } from './unawaited.ts';

/** What got has of one request: another object for each redirect and each attempt. */
export interface GotOptions {
  readonly method: string;
  readonly url?: unknown;
  readonly headers: object;
  readonly isStream?: boolean;
}

/** A response of got. */
export interface GotResponse {
  readonly statusCode: number;
  readonly headers: object;
  readonly request: { readonly options: { readonly headers: object } };
}

/** Options of got by which it is heard. */
export interface GotHooks {
  readonly handlers: [<O extends GotOptions, T>(options: O, next: (options: O) => T) => T];
  readonly hooks: {
    readonly beforeRequest: [(options: GotOptions) => Promise<void>];
    readonly beforeRedirect: [(options: unknown, response: GotResponse) => Promise<void>];
    readonly afterResponse: [<R extends GotResponse>(response: R) => Promise<R>];
    readonly beforeRetry: [(error: Error) => Promise<void>];
    readonly beforeError: [<E extends Error>(error: E) => Promise<E>];
  };
}

interface Failure {
  readonly options?: object;
  readonly response?: GotResponse;
}

interface Stream {
  once(event: string, listener: (given: GotResponse) => void): unknown;
}

/** Returns the options by which got is heard. */
export function gotHooks(hears: Hears): GotHooks {
  const exchanges = new WeakMap<object, HttpExchange>();
  /** Each exchange is told once how it has ended. */
  const ended = (options: object | undefined): HttpExchange | undefined => {
    const exchange = options && exchanges.get(options);
    if (options !== undefined) exchanges.delete(options);
    return exchange;
  };
  const answered = async (response: GotResponse, isStreamed = false): Promise<void> => {
    await ended(response.request.options)?.answered({ ...answerOf(response), isStreamed });
  };
  const failed = async (error: object): Promise<void> => {
    const { options, response } = error as Failure;
    const exchange = ended(options);
    await (response === undefined ? exchange?.failed() : exchange?.answered(answerOf(response)));
  };
  return {
    handlers: [
      (options, next) => {
        const result = next(options);
        if (options.isStream === true) {
          const stream = result as unknown as Stream;
          stream.once('response', (response) => unawaited(answered(response, true)));
          stream.once('close', () => unawaited(failed({ options })));
        } else if (result instanceof Promise) {
          // A request that was cancelled tells no hook.
          result.catch((error) => unawaited(failed(error)));
        }
        return result;
      },
    ],
    hooks: {
      beforeRequest: [
        async (options) => {
          const exchange = hears(options.method, String(options.url));
          if (exchange === undefined) return;
          exchanges.set(options, exchange);
          await exchange.begin();
        },
      ],
      beforeRedirect: [(_, response) => answered(response)],
      afterResponse: [
        async (response) => {
          await answered(response);
          return response;
        },
      ],
      beforeRetry: [failed],
      beforeError: [
        async (error) => {
          await failed(error);
          return error;
        },
      ],
    },
  };
}

function answerOf({ statusCode, headers, request }: GotResponse): HttpAnswer {
  const lines = headers as Readonly<Record<string, string | readonly string[] | undefined>>;
  return {
    status: statusCode,
    hasCredentials: hasCredentials(request.options.headers),
    header: (name) => lines[name]?.toString(),
  };
}
