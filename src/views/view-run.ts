import type { ServerResponse } from 'node:http';
import type { Identity } from '../model/identity.ts';
import { currentPart, type Part } from '../render/ambient.ts';
import type { Body } from '../render/body.ts';
import type { UncachedReason } from '../reporting/report.ts';
import { isStrong, tagCodings } from './http/conditional.ts';
import { repeatsSecret } from './http/csrf.ts';
import type { Exchange, Headers } from './http/exchange.ts';
import { lifetimeOf } from './http/lifetime.ts';
import type { Head, ResponseEvents, Sent } from './http/recorder.ts';
import { PRIVATE, storedView, strongTag } from './http/reply.ts';
import type { SkipReason } from './http/request-rules.ts';
import { type ResponseReason, responseReason, varyNames } from './http/response-rules.ts';
import { surrogateValue } from './http/surrogate.ts';
import { isLoggedIn, sessionText } from './http/visitor.ts';
import type { ViewSettings } from './options.ts';
import { ViewBody } from './view-body.ts';
import type { ViewSlot } from './view-slot.ts';

/** Why a view was rendered and not stored. */
export type MissReason =
  | SkipReason
  | ResponseReason
  | UncachedReason
  | 'head request'
  | 'request no-store'
  | 'session changed'
  | 'csrf token'
  | 'lost context'
  | 'changed outside'
  | 'nested view'
  | 'error page'
  | 'too large'
  | 'aborted'
  | 'incomplete'
  | 'trailers';

/** Headers that describe the body as it is sent. */
const DESCRIBES = /^(?:content-.*|etag|last-modified|expires|vary|cache-control)$/;

/** Reasons that concern one visitor. Such an answer must not be stored by proxies either. */
const PERSONAL: ReadonlySet<string> = new Set<MissReason>([
  'authorization',
  'logged in',
  'session cookie',
  'skip option',
  'set-cookie',
  'session changed',
  'csrf token',
  'private name',
]);

/** Watches a handler make a view: collects what it sends and the dependencies of that. */
export class ViewRun implements ResponseEvents {
  /** Whatever is rendered in this part belongs to the view. */
  readonly part: Part;
  readonly #exchange: Exchange;
  readonly #settings: ViewSettings;
  readonly #slot: ViewSlot;
  readonly #body: ViewBody;
  /** Headers and session before the handler ran. */
  readonly #before: Headers;
  readonly #session: string | undefined;
  readonly #started = performance.now();
  readonly #expires: number;
  /** When the handler answered, in milliseconds since 1970. Its lifetimes count from then. */
  #answered: number;
  readonly #done: (reason: MissReason | undefined) => void;
  /** Calls of {@link depend} whose tokens are not yet read. */
  readonly #asking = new Set<Promise<void>>();
  #refused: MissReason | undefined;
  #hasFailed = false;
  /** State at the time the framework got the answer, if it sends it later. */
  #handedOver: { readonly headers: Headers; readonly isSame: (body: Buffer | undefined) => boolean } | undefined;
  /** Cache-Control that this class added from the options. */
  #added: string | undefined;

  /**
   * @param parts `own`: dependencies that the view has in any case; `since`: earliest time its data was read, in
   * milliseconds since 1970
   * @param done called when the view is stored, or with the reason why not
   */
  constructor(
    exchange: Exchange,
    settings: ViewSettings,
    parts: { readonly slot: ViewSlot; readonly own: Body; readonly since: number },
    done: (reason: MissReason | undefined) => void,
  ) {
    this.#exchange = exchange;
    this.#settings = settings;
    this.#slot = parts.slot;
    this.#done = done;
    this.#body = new ViewBody();
    this.#body.include(parts.own);
    this.part = { body: this.#body, since: parts.since, mayMissPrivate: true };
    this.#before = exchange.headers();
    this.#session = sessionText(exchange.visitors);
    const now = settings.views.engine.settings.now();
    this.#answered = now;
    this.#expires = settings.lifetime === 0 ? Number.POSITIVE_INFINITY : now + settings.lifetime;
    if (/no-store/i.test(exchange.incoming.headers['cache-control'] ?? '')) this.#refused = 'request no-store';
  }

  get wantsBody(): boolean {
    return this.#refused === undefined;
  }

  /** Keeps the view from being stored. */
  refuse(reason: MissReason): void {
    this.#refused ??= reason;
  }

  /** Notes that the handler failed. Whatever is answered then is an error page, whatever its status. */
  failed(): void {
    this.#hasFailed = true;
  }

  /** Adds models to the dependencies. Resolves when their tokens are known. */
  async depend(models: readonly Identity[]): Promise<void> {
    const asking = this.#slot.depend(models).then((body) => this.#body.include(body));
    this.#asking.add(asking);
    await asking;
    this.#asking.delete(asking);
  }

  head({ status, headers, body }: Head): void {
    this.#guarded(() => {
      this.#answered = this.#settings.views.engine.settings.now();
      const { response } = this.#exchange;
      const { cacheControl, surrogate, debug } = this.#settings;
      const reason = this.#reason(status, headers) ?? this.#bodyReason(headers, body);
      if (reason !== undefined) this.refuse(reason);
      response.setHeader('X-Cache', debug && reason !== undefined ? `miss (${reason})` : 'miss');
      if (reason !== undefined) return keepPrivate(response, reason, this.#settings);
      if (headers['cache-control'] === undefined && cacheControl !== undefined) {
        this.#added = cacheControl;
        response.setHeader('Cache-Control', cacheControl);
      }
      response.setHeader('Accept-Ranges', 'none');
      if (body !== undefined && !isStrong(headers.etag)) response.setHeader('ETag', strongTag(headers, body));
      if (surrogate !== undefined) response.setHeader(surrogate.header, this.#surrogate(surrogate, body !== undefined));
      tagCodings(response);
    });
  }

  /**
   * A handler that answers in another asynchronous context may have rendered there, unnoticed; then the view is not
   * stored.
   */
  chunk(): void {
    if (this.#exchange.answersInContext) this.answering();
  }

  /** Call this where an answer is given, in the asynchronous context of the code that gives it. */
  answering(): void {
    if (this.#handedOver === undefined && currentPart() !== this.part) this.refuse('lost context');
  }

  /**
   * Notes that the framework has the answer. Middleware outside may still change it, and will do so again for each
   * request.
   *
   * @param isSame whether the body about to be sent is still that answer; the body is undefined if it is not in one
   * piece
   */
  handOver(isSame: (body: Buffer | undefined) => boolean): void {
    this.#handedOver = { headers: this.#exchange.headers(), isSame };
  }

  sent(sent: Sent): void {
    const keep = () =>
      this.#keep(sent).then(this.#done, (error) => {
        this.#settings.views.report(error);
        this.#done('error');
      });
    if (!this.#settings.views.engine.entries.inBackground(keep)) this.#done('too large');
  }

  /** Runs synchronously unless there is something to wait for, so that the next request finds the view. */
  async #keep({ status, headers, sentHeaders, body, fault }: Sent): Promise<MissReason | undefined> {
    if (this.#asking.size > 0) await Promise.all(this.#asking);
    const skip = this.#settings.skip?.(this.#exchange.request);
    if (skip instanceof Promise ? await skip : skip) return 'skip option';
    // Headers that others set later, until the head was sent, count as well.
    const reason = this.#refused ?? fault ?? this.#reason(status, headers) ?? this.#responseReason(status, sentHeaders);
    if (reason !== undefined) return reason;
    if (body === undefined) return 'too large';
    if (repeatsSecret(headers['content-encoding'] === undefined ? body : undefined, this.#exchange))
      return 'csrf token';
    const { surrogate } = this.#settings;
    const lifetime = lifetimeOf(this.#withoutOurs(headers), this.#answered);
    // Now all dependencies are known.
    const named = surrogate && { [surrogate.header.toLowerCase()]: this.#surrogate(surrogate, true) };
    return this.#slot.keep({
      view: storedView(
        { status, headers: { ...this.#ownHeaders(headers), ...named }, body },
        this.#before,
        this.#settings.views.engine.settings.now(),
      ),
      vary: this.#varyNames(headers),
      dependencies: this.#body.dependencies,
      since: this.part.since,
      expires: Math.min(this.#expires, lifetime === undefined ? Number.POSITIVE_INFINITY : this.#answered + lifetime),
      cost: performance.now() - this.#started,
    });
  }

  /** Returns why the view must not be stored, as far as is known by now. */
  #reason(status: number, headers: Headers): MissReason | undefined {
    const { visitors } = this.#exchange;
    const response = this.#refused ?? this.#responseReason(status, headers) ?? this.#body.uncached;
    if (response !== undefined) return response;
    if (this.#hasFailed) return 'error page';
    // Middleware behind this one may have identified the visitor.
    if (isLoggedIn(visitors)) return 'logged in';
    const session = sessionText(visitors);
    return session === undefined || session !== this.#session ? 'session changed' : undefined;
  }

  /** Checks the body. An outer compression may change it; any other outer change may be for this visitor alone. */
  #bodyReason(headers: Headers, body: Buffer | undefined): MissReason | undefined {
    const { engine } = this.#settings.views;
    // Check here, because the sending code is still in its transaction.
    if ([...this.#body.dependencies.tokens.keys()].some((name) => engine.isUncommitted(name))) return 'unknown token';
    const isCoded = headers['content-encoding'] !== undefined;
    if (!isCoded && this.#handedOver?.isSame(body) === false) return 'changed outside';
    return repeatsSecret(isCoded ? undefined : body, this.#exchange) ? 'csrf token' : undefined;
  }

  /** Leaves out headers that others added after the answer was handed over, except those that describe the body. */
  #ownHeaders(headers: Headers): Headers {
    if (this.#handedOver === undefined) return headers;
    const { headers: handed } = this.#handedOver;
    const own = Object.entries(headers).flatMap(([name, value]) => {
      const kept = DESCRIBES.test(name) ? value : handed[name];
      return kept === undefined ? [] : [[name, kept] as const];
    });
    return Object.fromEntries(own);
  }

  #surrogate(surrogate: NonNullable<ViewSettings['surrogate']>, isComplete: boolean): string {
    const names = new Set([...this.#body.dependencies.tokens.keys(), ...this.#slot.newNames]);
    return surrogateValue([...names], surrogate, isComplete);
  }

  /** A compressed body is only for clients that accept its coding, even if Vary does not say so. */
  #varyNames(headers: Headers): readonly string[] {
    const isCoded = headers['content-encoding'] !== undefined || this.#exchange.mayCompress;
    return isCoded ? ['accept-encoding', ...varyNames(headers)] : varyNames(headers);
  }

  #responseReason(status: number, headers: Headers): ResponseReason | undefined {
    return responseReason(status, this.#withoutOurs(headers), this.#settings.statuses, this.#answered);
  }

  /** Leaves out the Cache-Control that came from our options: it addresses browsers and proxies, not this cache. */
  #withoutOurs(headers: Headers): Headers {
    const { 'cache-control': cacheControl, ...others } = headers;
    return this.#added !== undefined && cacheControl === this.#added ? others : headers;
  }

  #guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.refuse('error');
      this.#settings.views.report(error);
    }
  }
}

/** Marks an answer as private if its reason concerns one visitor, because proxies know the address only. */
export function keepPrivate(response: ServerResponse, reason: string, { cacheControl }: ViewSettings): void {
  const isPersonal = PERSONAL.has(reason) && cacheControl !== undefined;
  if (isPersonal && !response.hasHeader('Cache-Control')) response.setHeader('Cache-Control', PRIVATE);
}
