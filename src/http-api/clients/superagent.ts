import type { Hears, HttpAnswer, HttpExchange } from '../http-exchange.ts';
import { unawaited } from './unawaited.ts';

type Done = (error: unknown, response?: unknown) => void;

/** A request of superagent. */
export interface SuperagentRequest {
  readonly method: string;
  readonly url: string;
  // Its other types are the site's own, so this file does not depend on them.
  end: unknown;
  pipe: unknown;
  then: unknown;
}

interface Request {
  readonly method: string;
  readonly url: string;
  readonly cookies?: unknown;
  get(name: string): unknown;
  on(event: string, listener: () => void): void;
  emit(event: string, error: unknown): void;
  once(event: string, listener: (given: Response) => void): void;
  end(done?: Done): unknown;
  pipe(stream: unknown, options?: unknown): unknown;
  then(
    answered?: ((response: unknown) => unknown) | null,
    failed?: ((error: unknown) => unknown) | null,
  ): Promise<unknown>;
}

interface Response {
  readonly status: number;
  readonly statusCode?: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly redirects?: readonly string[];
}

/** Makes one request of superagent heard. */
export function listenToSuperagent(hears: Hears, given: SuperagentRequest): void {
  const request = given as unknown as Request;
  const { end, pipe, then } = request;
  let isPiped = false;
  /** Attempts, each redirect among them. */
  let attempts = 0;
  request.on('request', () => {
    attempts++;
  });
  let hadCredentials = false;
  const answerOf = ({ status, statusCode, headers, redirects = [] }: Response): HttpAnswer => ({
    status: status ?? statusCode,
    redirects,
    isRepeated: attempts > redirects.length + 1,
    hasCredentials: hadCredentials || isPersonal(request),
    header: (name) => (headers[name] === undefined ? undefined : String(headers[name])),
  });
  /** What an abort has to wait for. */
  let aborted: Promise<void> | undefined;
  const heard = (): HttpExchange | undefined => {
    const exchange = hears(request.method, request.url);
    // A redirect to another host takes them away.
    hadCredentials ||= isPersonal(request);
    request.once('abort', () => {
      aborted = exchange?.failed();
      unawaited(aborted);
    });
    return exchange;
  };
  request.end = (done) => {
    const exchange = isPiped ? undefined : heard();
    if (exchange === undefined) return end.call(request, done);
    const send = () =>
      end.call(request, (error, answer) => {
        const response = (answer ?? (error as { readonly response?: unknown } | null)?.response) as
          | Response
          | undefined;
        const told = response === undefined ? exchange.failed() : exchange.answered(answerOf(response));
        if (told === undefined) done?.(error, answer);
        else told.then(() => done?.(error, answer), done);
      });
    whenReady(exchange, send, (error) => done?.(error));
    return request;
  };
  request.pipe = (stream, options) => {
    isPiped = true;
    const exchange = heard();
    request.once('response', (response) => unawaited(exchange?.answered({ ...answerOf(response), isStreamed: true })));
    request.once('error', () => unawaited(exchange?.failed()));
    whenReady(
      exchange,
      () => pipe.call(request, stream, options),
      (error) => request.emit('error', error),
    );
    return stream;
  };
  // biome-ignore lint/suspicious/noThenProperty: it has one, which is replaced
  request.then = (answered, failed) =>
    then
      .call(request, null, async (error) => {
        await aborted;
        throw error;
      })
      .then(answered, failed);
}

function whenReady(exchange: HttpExchange | undefined, run: () => void, failed: (error: unknown) => void): void {
  const ready = exchange?.begin();
  if (ready === undefined) run();
  else ready.then(run).catch(failed);
}

function isPersonal(request: Request): boolean {
  return [request.get('authorization'), request.get('cookie'), request.cookies].some(Boolean);
}
