import { inPart, isInside } from '../../render/ambient.ts';
import { sendInOnePiece } from '../http/one-piece.ts';
import type { ViewRun } from '../view-run.ts';
import type { HapiExchange } from './exchange.ts';
import type { HapiResponse, WholeRequest } from './lifecycle.ts';
import { Variables } from './variables.ts';

/** An answer as the handler gave it. */
interface Given {
  readonly response: HapiResponse;
  readonly variety: string;
  /** What extensions may replace in it. */
  readonly content: unknown;
  /** A view's variables. */
  readonly variables: Variables;
}

/**
 * A view that is being made, on its way through hapi's lifecycle: handler, extensions behind it, `onPreResponse`
 * extensions, and what hapi does last, when it renders with vision. The `onPreResponse` extensions run for hits as well,
 * so they are outside: they see the request as it came, and what they put into the page is not stored.
 */
export class MadeView {
  readonly #request: WholeRequest;
  readonly #run: ViewRun;
  readonly #exchange: HapiExchange;
  /** What the handler returned. */
  #result: unknown;
  #given: Given | undefined;
  #sending: HapiResponse | undefined;

  constructor(request: WholeRequest, run: ViewRun, exchange: HapiExchange) {
    this.#request = request;
    this.#run = run;
    this.#exchange = exchange;
  }

  /** Runs the handler. */
  handle(handler: () => unknown): unknown {
    const failed = () => this.#run.failed();
    const handled = (result: unknown) => {
      if (result instanceof Error) failed();
      else this.#result = result;
    };
    try {
      const result = inPart(this.#run.part, handler);
      if (result instanceof Promise) result.then(handled, failed);
      else handled(result);
      return result;
    } catch (error) {
      failed();
      throw error;
    }
  }

  /** The handler and all extensions inside have made the answer. */
  handOver(): void {
    const { response } = this.#request;
    if (!isAnswer(response) || this.#given !== undefined) return;
    this.#run.answering();
    this.#run.handOver(() => this.#isAsGiven(this.#request.response));
    this.#given = {
      response,
      variety: response.variety,
      content: contentOf(response),
      variables: new Variables(contextOf(response)),
    };
    // What the handler has begun, such as a promise among the page's variables, may still read.
    const { part } = this.#run;
    this.#run.reads.countOnly(() => isInside(part));
    this.#exchange.address?.hide();
  }

  /** All extensions have run. hapi renders and sends the answer next. */
  send(): void {
    const { response } = this.#request;
    const run = this.#run;
    if (!isAnswer(response)) return run.failed();
    if (this.#given === undefined) {
      // A handler may take over. Any other answer without those extensions stands for an error.
      if (this.#result !== response) run.failed();
      this.handOver();
    }
    this.#compare(response);
    run.reads.countOnly(undefined);
    this.#exchange.address?.show();
    run.sendsByDefault(defaultControl(response, this.#request.route));
    if (response.variety !== 'stream') sendInOnePiece(this.#exchange.response);
    this.#sending = response;
  }

  /**
   * Returns the coding that hapi is to choose. What is stored is not coded, because hapi codes each answer from the
   * cache as its client asks.
   */
  coding(asked: string | null): string | null | undefined {
    if (this.#sending === undefined) return undefined;
    return this.#run.mayStore(this.#sending.statusCode, this.#exchange.headers()) ? 'identity' : asked;
  }

  /** Looks for what `onPreResponse` extensions have changed. */
  #compare(response: HapiResponse): void {
    if (!this.#isAsGiven(response)) this.#run.refuse('changed outside');
    const context = contextOf(response);
    const changed = [...(this.#given as Given).variables.changed(context)];
    const others = changed.filter((name) => !this.#run.pages.isReplaced(context[name]));
    if (others.length > 0) this.#run.pages.givenOutside(new Set(others));
  }

  /** Whether a response is what the handler gave. It is asked again when it is sent: an extension may want to be last. */
  #isAsGiven(response: WholeRequest['response']): boolean {
    const { response: own, variety, content } = this.#given as Given;
    return own === response && variety === own.variety && isEqual(content, contentOf(own));
  }
}

/** Whether a response is neither an error nor left to the handler. */
export function isAnswer(response: WholeRequest['response']): response is HapiResponse {
  return typeof response === 'object' && response !== null && response.isBoom === undefined;
}

/** Returns what a response is made of, so that a change of it can be found. */
function contentOf({ variety, source }: HapiResponse): unknown {
  if (variety === 'view') {
    const { manager, template, compiled } = source as Readonly<Record<string, unknown>>;
    return [manager, template, compiled];
  }
  if (source instanceof Uint8Array) return Buffer.from(source);
  if (variety !== 'plain' || typeof source !== 'object') return source;
  try {
    return JSON.stringify(source);
  } catch {
    return source;
  }
}

function isEqual(one: unknown, other: unknown): boolean {
  if (Buffer.isBuffer(one)) return Buffer.isBuffer(other) && one.equals(other);
  if (Array.isArray(one)) return Array.isArray(other) && one.every((part, i) => part === other[i]);
  return one === other;
}

function contextOf({ variety, source }: HapiResponse): Readonly<Record<string, unknown>> {
  const context = variety === 'view' ? (source as { readonly context?: unknown }).context : undefined;
  return typeof context === 'object' && context !== null ? (context as Readonly<Record<string, unknown>>) : {};
}

/** What hapi says of an answer if neither handler nor route does. */
const OTHERWISE = 'no-cache';

/** Returns the Cache-Control that hapi adds by itself and nobody has asked for, if it will add one. */
function defaultControl(
  { headers, settings, statusCode }: HapiResponse,
  { settings: { cache } }: WholeRequest['route'],
): string | undefined {
  if (headers['cache-control'] !== undefined || settings.ttl !== null || !cache) return undefined;
  const hasLifetime = cache.expiresIn !== undefined || cache.expiresAt !== undefined;
  if (hasLifetime && (cache.statuses ?? []).includes(statusCode)) return undefined;
  return cache.otherwise === OTHERWISE ? OTHERWISE : undefined;
}
