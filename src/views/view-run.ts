import type { ServerResponse } from 'node:http';
import type { Identity } from '../model/identity.ts';
import { currentPart, type Part } from '../render/ambient.ts';
import type { Frame } from '../render/frame.ts';
import type { UncachedReason } from '../reporting/report.ts';
import { isStrong, tagCodings } from './http/conditional.ts';
import { repeatsSecret } from './http/csrf.ts';
import type { Exchange, Headers } from './http/exchange.ts';
import type { Head, Listener, Sent } from './http/recorder.ts';
import { PRIVATE, storedView, strongTag } from './http/reply.ts';
import type { SkipReason } from './http/request-rules.ts';
import { type ResponseReason, responseReason, varyNames } from './http/response-rules.ts';
import { surrogateValue } from './http/surrogate.ts';
import { isLoggedIn, sessionText } from './http/visitor.ts';
import type { ViewSettings } from './options.ts';
import { ViewFrame } from './view-frame.ts';
import type { ViewSlot } from './view-slot.ts';

/** Why a view was made and not kept. */
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
  | 'too large'
  | 'aborted'
  | 'incomplete'
  | 'trailers';

/** Headers that are about the body as it is sent. */
const DESCRIBES = /^(?:content-.*|etag|last-modified|expires|vary|cache-control)$/;

/** Reasons that are about one visitor: what is answered then must not be kept by anybody on the way either. */
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

/** A handler at work on a view: what it sends, and what that is made from. */
export class ViewRun implements Listener {
  /** What is rendered in it belongs to the view. */
  readonly part: Part;
  readonly #exchange: Exchange;
  readonly #settings: ViewSettings;
  readonly #slot: ViewSlot;
  readonly #frame: ViewFrame;
  /** Headers and session as they were before the handler. */
  readonly #before: Headers;
  readonly #session: string | undefined;
  readonly #started = performance.now();
  readonly #expires: number;
  readonly #done: (reason: MissReason | undefined) => void;
  /** Dependencies that are being asked for. */
  readonly #asking = new Set<Promise<void>>();
  #refused: MissReason | undefined;
  /** What the framework was given, where it does not send that at once. */
  #handedOver: { readonly headers: Headers; readonly isSame: (body: Buffer | undefined) => boolean } | undefined;
  /** The Cache-Control that the options gave. */
  #added: string | undefined;

  /**
   * @param parts `own`: what the view depends on, whatever its handler does; `since`: milliseconds since 1970
   * @param done called when the view is kept, or with why not
   */
  constructor(
    exchange: Exchange,
    settings: ViewSettings,
    parts: { readonly slot: ViewSlot; readonly own: Frame; readonly since: number },
    done: (reason: MissReason | undefined) => void,
  ) {
    this.#exchange = exchange;
    this.#settings = settings;
    this.#slot = parts.slot;
    this.#done = done;
    this.#frame = new ViewFrame();
    this.#frame.include(parts.own);
    this.part = { frame: this.#frame, since: parts.since, mayMissPrivate: true };
    this.#before = exchange.headers();
    this.#session = sessionText(exchange.visitors);
    const now = settings.views.engine.settings.now();
    this.#expires = settings.lifetime === 0 ? Number.POSITIVE_INFINITY : now + settings.lifetime;
    if (/no-store/i.test(exchange.incoming.headers['cache-control'] ?? '')) this.#refused = 'request no-store';
  }

  /** The view must not be kept. */
  refuse(reason: MissReason): void {
    this.#refused ??= reason;
  }

  /** The handler shows these models. Resolved when their tokens are known. */
  async depend(models: readonly Identity[]): Promise<void> {
    const asking = this.#slot.depend(models).then((frame) => this.#frame.include(frame));
    this.#asking.add(asking);
    await asking;
    this.#asking.delete(asking);
  }

  head({ status, headers, body }: Head): void {
    this.#guarded(() => {
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

  /** Whoever answers outside of the handler's asynchronous context may have rendered there: nobody saw what from. */
  chunk(): void {
    if (this.#exchange.answersInContext) this.answering();
  }

  /** To be called where an answer is given, in the asynchronous context of whoever gives it. */
  answering(): void {
    if (this.#handedOver === undefined && currentPart() !== this.part) this.refuse('lost context');
  }

  /**
   * The framework has the answer, and whoever stands outside may change it: they do so again for each request.
   *
   * @param isSame whether it is still that, told from the body that is about to be sent, if it is whole
   */
  handOver(isSame: (body: Buffer | undefined) => boolean): void {
    this.#handedOver = { headers: this.#exchange.headers(), isSame };
  }

  sent(sent: Sent): void {
    void this.#keep(sent).then(this.#done, (error) => {
      this.#settings.views.report(error);
      this.#done('error');
    });
  }

  /** Synchronous where nothing has to be waited for: the next request shall find it. */
  async #keep({ status, headers, sentHeaders, body, fault }: Sent): Promise<MissReason | undefined> {
    if (this.#asking.size > 0) await Promise.all(this.#asking);
    const skip = this.#settings.skip?.(this.#exchange.request);
    if (skip instanceof Promise ? await skip : skip) return 'skip option';
    // What others set behind this one, as the head was sent, counts as well.
    const reason = fault ?? this.#reason(status, headers) ?? this.#responseReason(status, sentHeaders);
    if (reason !== undefined) return reason;
    if (body === undefined) return 'too large';
    if (repeatsSecret(headers['content-encoding'] === undefined ? body : undefined, this.#exchange))
      return 'csrf token';
    const { surrogate } = this.#settings;
    // By now all names are known.
    const named = surrogate && { [surrogate.header.toLowerCase()]: this.#surrogate(surrogate, true) };
    return this.#slot.keep({
      view: storedView(
        { status, headers: { ...this.#ownHeaders(headers), ...named }, body },
        this.#before,
        this.#settings.views.engine.settings.now(),
      ),
      vary: this.#varyNames(headers),
      dependencies: this.#frame.dependencies,
      since: this.part.since,
      expires: this.#expires,
      cost: performance.now() - this.#started,
    });
  }

  /** Why it must not be kept, as far as that is known by now. */
  #reason(status: number, headers: Headers): MissReason | undefined {
    const { visitors } = this.#exchange;
    const response = this.#refused ?? this.#responseReason(status, headers) ?? this.#frame.uncached;
    if (response !== undefined) return response;
    // Middleware that stands behind this one may have found out who it is.
    if (isLoggedIn(visitors)) return 'logged in';
    const session = sessionText(visitors);
    return session === undefined || session !== this.#session ? 'session changed' : undefined;
  }

  /** A compression outside may work on a body; what anything else made of it may be for this visitor alone. */
  #bodyReason(headers: Headers, body: Buffer | undefined): MissReason | undefined {
    const { engine } = this.#settings.views;
    // Asked here, where whoever sends it still is in their transaction.
    if ([...this.#frame.dependencies.tokens.keys()].some((name) => engine.isUncommitted(name))) return 'unknown token';
    const isCoded = headers['content-encoding'] !== undefined;
    if (!isCoded && this.#handedOver?.isSame(body) === false) return 'changed outside';
    return repeatsSecret(isCoded ? undefined : body, this.#exchange) ? 'csrf token' : undefined;
  }

  /** Without the headers that others added since it was handed over, but those that say what the body is. */
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
    return surrogateValue([...this.#frame.dependencies.tokens.keys()], surrogate, isComplete);
  }

  /** A coding is for those who take it, whether Vary says so or not. */
  #varyNames(headers: Headers): readonly string[] {
    const isCoded = headers['content-encoding'] !== undefined || this.#exchange.mayCompress;
    return isCoded ? ['accept-encoding', ...varyNames(headers)] : varyNames(headers);
  }

  /** What the options have to say to others is not said to this cache. */
  #responseReason(status: number, headers: Headers): ResponseReason | undefined {
    const { 'cache-control': cacheControl, ...others } = headers;
    const isOurs = this.#added !== undefined && cacheControl === this.#added;
    return responseReason(status, isOurs ? others : headers, this.#settings.statuses);
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

/** The same address has a form for everybody: nobody on the way shall take one visitor's for it. */
export function keepPrivate(response: ServerResponse, reason: string, { cacheControl }: ViewSettings): void {
  const isPersonal = PERSONAL.has(reason) && cacheControl !== undefined;
  if (isPersonal && !response.hasHeader('Cache-Control')) response.setHeader('Cache-Control', PRIVATE);
}
