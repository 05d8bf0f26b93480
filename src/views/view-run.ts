import type { Identity } from '../model/identity.ts';
import { currentLoaded, currentPart, type Part } from '../render/ambient.ts';
import type { Body } from '../render/body.ts';
import { type End, endAfter } from '../render/lifetime.ts';
import { Loaded } from '../render/loaded.ts';
import type { Maker } from '../render/making/maker.ts';
import { AnswerAudience } from './answer-audience.ts';
import { AnswerHead } from './answer-head.ts';
import { HandlerAnswer, type IsSame } from './handler-answer.ts';
import { PageHoles } from './holes/page-holes.ts';
import { VisitorVariables } from './holes/visitor-variables.ts';
import type { Address } from './http/address.ts';
import { tagCodings, type Validators, validatorMet } from './http/conditional.ts';
import { varyByOrigin } from './http/cors.ts';
import type { Exchange, Headers } from './http/exchange.ts';
import { text } from './http/header-text.ts';
import { lifetimeOf } from './http/lifetime.ts';
import type { Head, ResponseEvents, Sent } from './http/recorder.ts';
import { bringsSecret, isCoded } from './http/reflection.ts';
import { unkeptReason } from './http/request-rules.ts';
import { type ResponseReason, responseReason, varyNames } from './http/response-rules.ts';
import { surrogateValue } from './http/surrogate.ts';
import { Visit } from './http/visit.ts';
import { WHOLE_ANSWER } from './kept-answer.ts';
import { missDetail } from './miss-detail.ts';
import type { MissReason } from './miss-reason.ts';
import type { ViewSettings } from './options.ts';
import { headerRead, type ReadName } from './reads/read-names.ts';
import { describeRead } from './reads/read-report.ts';
import { RequestReads } from './reads/request-reads.ts';
import type { RequestValues } from './reads/request-values.ts';
import { RequestWindow } from './reads/request-window.ts';
import type { ValueText } from './reads/value-text.ts';
import { ReplacedView } from './replace/replaced-view.ts';
import { Replacements } from './replace/replacements.ts';
import { ViewBody } from './view-body.ts';
import type { ViewMaking } from './view-making.ts';
import { ViewPages } from './view-pages.ts';
import type { ViewSlot } from './view-slot.ts';

/** Reasons to refuse a view that concern one visitor: proxies must not store such an answer either. */
const PERSONAL: ReadonlySet<MissReason> = new Set<MissReason>(['skip option', 'csrf token']);

/** Watches a handler make a view: collects what it sends and the dependencies of that. */
export class ViewRun implements ResponseEvents {
  /** Whatever is rendered in this part belongs to the view. */
  readonly part: Part;
  readonly pages: ViewPages;
  readonly audience: AnswerAudience;
  /** What the handler reads of the request. */
  readonly reads: RequestReads;
  readonly #exchange: Exchange;
  readonly #settings: ViewSettings;
  readonly #slot: ViewSlot;
  readonly #body: ViewBody;
  readonly #visit: Visit;
  readonly #answer: HandlerAnswer;
  /** What the client says about the answer that it has, whatever the handler sees of it. */
  readonly #validators: Validators;
  readonly #started = performance.now();
  /** Whether the answer is stored and why not, as far as was known when its head was sent. */
  told: { readonly isStored: boolean; readonly reason: string | undefined } = { isStored: false, reason: undefined };
  /** When the handler began, in milliseconds since 1970. */
  readonly #began: number;
  /** When the view ends by its own ttl. */
  readonly #end: End;
  /** When the handler answered, in milliseconds since 1970. Its lifetimes count from then. */
  #answered: number;
  readonly #done: (reason: MissReason | undefined, detail: string | undefined) => void;
  readonly #values: RequestValues;
  readonly #window: RequestWindow;
  /** Set while others may wait for the view. */
  making: ViewMaking | undefined;
  #refused: MissReason | undefined;
  #why: string | undefined;
  #hasFailed = false;
  /** Result of the option `skip`, asked again when the head is sent. */
  #skip: boolean | Promise<boolean> = false;

  /**
   * Begins to record what the handler reads.
   *
   * @param parts `own`: dependencies that the view has in any case; `since`: earliest time its data was read, in
   * milliseconds since 1970; `address`: what the handler is given; `values`: what reads find; `replaced`: what differs
   * between visitors and stands in the page
   * @param done called when the view is stored, or with the reason why not
   */
  constructor(
    exchange: Exchange,
    settings: ViewSettings,
    parts: {
      readonly slot: ViewSlot;
      readonly own: Body;
      readonly since: number;
      readonly address: Address;
      readonly values: RequestValues;
      readonly replaced: Replacements | undefined;
      readonly visitor: Readonly<Record<string, unknown>> | undefined;
      readonly common: ReadonlySet<string>;
      readonly maker: Maker;
    },
    done: (reason: MissReason | undefined, detail: string | undefined) => void,
  ) {
    this.#exchange = exchange;
    this.#settings = settings;
    this.#slot = parts.slot;
    this.#done = done;
    this.#body = new ViewBody(parts.slot.tokens);
    this.#body.include(parts.own);
    const around = currentLoaded();
    around?.addTo(this.#body);
    const before = exchange.headers();
    this.#values = parts.values;
    const { replaced, visitor } = parts;
    const holes = visitor && new PageHoles();
    const variables =
      visitor &&
      new VisitorVariables(visitor, parts.common, {
        read: (name) => this.reads.read(name),
        differs: (name) => this.#refuseWhy('personal', `${name}: the page has another one than holes gives`),
        isCopied: (name) => this.reads.isCopied(name),
        made: (...page) => holes?.made(...page),
        lost: (name) => this.#refuseWhy('hole lost', name === '' ? name : `${name} is not what holes gives`),
      });
    const isWhole = replaced === undefined && visitor === undefined;
    const kept = isWhole ? WHOLE_ANSWER : new ReplacedView(exchange, replaced ?? Replacements.NONE, before, holes);
    // What the handler reads tells all the same whether the head may be kept by proxies.
    this.#refused = unkeptReason(exchange.incoming);
    this.#visit = new Visit(exchange, settings.isSession);
    const { 'if-none-match': noneMatch, 'if-modified-since': modifiedSince } = exchange.incoming.headers;
    this.#validators = { 'if-none-match': noneMatch, 'if-modified-since': modifiedSince };
    const tell = settings.debug ? describeRead : undefined;
    this.reads = new RequestReads(parts.values, settings.counts, tell, () => this.#dependOnMet());
    this.#answer = new HandlerAnswer(exchange, before, new AnswerHead(exchange.response, this.reads), kept);
    this.#window = new RequestWindow(exchange, { address: parts.address, set: before }, this.reads);
    const given = { window: this.#window, values: parts.values, visitor: variables };
    this.pages = new ViewPages(given, () => this.refuse('changed outside'));
    const made = { reads: this.reads, body: this.#body, isOpen: kept.isOpen };
    this.audience = new AnswerAudience(exchange, this.#visit, made);
    const loaded = new Loaded(around);
    const { since, maker } = parts;
    this.part = { body: this.#body, since, mayMissPrivate: true, maker, loaded, watch: this.pages };
    const now = settings.views.engine.settings.now();
    this.#began = now;
    this.#answered = now;
    this.#end = endAfter(settings.lifetime, settings.stale, now);
  }

  get wantsBody(): boolean {
    return this.#refused === undefined;
  }

  /** Notes that a view begins inside, which may ask for its own visitor's variables. Its rules are not asked on a hit. */
  nest(visit: Readonly<Record<string, unknown>> | undefined): void {
    this.refuse('nested view');
    this.pages.nest(visit);
  }

  /** Keeps the view from being stored. */
  refuse(reason: MissReason): void {
    if (PERSONAL.has(reason)) this.#visit.mark();
    this.#refused ??= reason;
    this.making?.refused(reason, this.#exchange.response.statusCode);
  }

  /** @param why says more about the reason, in reports */
  #refuseWhy(reason: MissReason, why: string): void {
    if (this.#refused === undefined && why !== '') this.#why = why;
    this.refuse(reason);
  }

  /** Notes that the handler failed. Whatever is answered then is an error page, whatever its status. */
  failed(): void {
    this.#hasFailed = true;
  }

  /** Adds models to the dependencies. Resolves when their tokens are known. */
  depend(models: readonly Identity[]): Promise<void> {
    return this.#body.depend(models);
  }

  /** Adds models that were met in what the handler read. */
  #dependOnMet(): void {
    const models = this.#values.models.splice(0);
    // Whoever keeps the view waits for it, and reports an error.
    if (models.length > 0) this.depend(models).catch(() => {});
  }

  /** Tells which Cache-Control the framework sends where nobody says anything. It forbids no storing. */
  sendsByDefault(cacheControl: string | undefined): void {
    this.#answer.head.sendsByDefault(cacheControl);
  }

  /** Milliseconds since the handler began. */
  get cost(): number {
    return performance.now() - this.#started;
  }

  /** Whether the answer may be stored, as far as that is known before its head is written. */
  mayStore(status: number, headers: Headers): boolean {
    return this.reads.silently(() => this.#reason(status, headers)) === undefined;
  }

  outside<T>(run: () => T): T {
    return this.reads.silently(run);
  }

  /** The handler has handed over its answer. What runs from now on sees the request as it came. */
  ending(): void {
    this.#window.close();
    this.making?.written();
  }

  head(head: Head): boolean {
    try {
      return this.reads.silently(() => {
        this.#askSkip();
        this.#prepareHead(head);
        return this.#isNotModified(head);
      });
    } catch (error) {
      this.audience.keepFromShared();
      this.#fail(error);
      return false;
    }
  }

  #prepareHead(made: Head): void {
    const { status, headers, body } = made;
    const { head, kept } = this.#answer;
    this.#answered = this.#settings.views.engine.settings.now();
    const { response, incoming } = this.#exchange;
    const { cacheControl, surrogate, maxBytes, debug } = this.#settings;
    varyByOrigin(response, incoming.headers.origin);
    if (!head.varyByReads(body !== undefined)) this.audience.keepFromShared();
    const reason = this.#reason(status, headers) ?? this.#reasonAtHead(made);
    if (reason !== undefined) this.refuse(reason);
    // Others would get nothing before the last piece of it.
    if (body === undefined) this.making?.release();
    const why = reason === undefined ? undefined : `${reason}${this.#detail(reason)}`;
    const isKept = body !== undefined && body.length <= maxBytes;
    this.told = { isStored: why === undefined && isKept, reason: why };
    response.setHeader('X-Cache', debug && why !== undefined ? `miss (${why})` : 'miss');
    if (reason !== undefined) return;
    head.addControl(headers['cache-control'], cacheControl);
    response.setHeader('Accept-Ranges', 'none');
    kept.tag(response, { headers, body });
    if (surrogate !== undefined) response.setHeader(surrogate.header, this.#surrogate(surrogate, body !== undefined));
    tagCodings(response);
  }

  /** Whether the client has exactly what is about to be sent, stored or not; if so, sets the tag that it knows. */
  #isNotModified({ status, body }: Head): boolean {
    if (status !== 200 || body === undefined || this.#body.hasOutageHit) return false;
    if (this.#answer.kept.isOpen && this.#validators['if-none-match']?.trim() === '*') return false;
    const { response } = this.#exchange;
    const etag = text(response.getHeader('etag') as Headers[string]);
    const met = validatorMet(this.#validators, etag, text(response.getHeader('last-modified')) || undefined);
    if (met === undefined) return false;
    if (met !== '') response.setHeader('ETag', met);
    return true;
  }

  /** Asks the option `skip` again: the handler may have found out what it goes by. */
  #askSkip(): void {
    try {
      this.#skip = this.#settings.skip?.(this.#exchange.request) ?? false;
      if (this.#skip === true) this.refuse('skip option');
      // Await it when the response has ended; until then, a rejection is nobody's.
      else if (this.#skip instanceof Promise) this.#skip.catch(() => {});
    } catch (error) {
      this.#visit.mark();
      this.#fail(error);
    }
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
    if (!this.#answer.isHandedOver && currentPart() !== this.part) this.refuse('lost context');
  }

  /**
   * Notes that the framework has the answer. Middleware outside may still change it, and will do so again for each
   * request.
   *
   * @param isSame whether the body about to be sent is still that answer; the body is undefined if it is not in one
   * piece
   * @param given returns the body of that answer, if it is in one piece
   */
  handOver(isSame: IsSame, given: () => Buffer | undefined = () => undefined): void {
    const headers = this.reads.silently(() => this.#exchange.headers());
    this.#answer.handOver(headers, given(), isSame);
  }

  sent(sent: Sent): void {
    this.#window.close();
    this.making?.sent();
    const { views } = this.#settings;
    const keep = () =>
      this.#keep(sent).then(
        (reason) => this.#conclude(reason, this.#detailOf(reason)),
        (error) => {
          views.report(error);
          this.#conclude('error');
        },
      );
    if (!views.engine.entries.inBackground(keep)) this.#conclude('too large');
  }

  #conclude(reason: MissReason | undefined, detail?: string): void {
    if (reason === undefined) this.making?.kept(this.#slot.kept);
    else this.making?.refused(reason, this.#exchange.response.statusCode);
    this.#done(reason, detail);
  }

  /** Runs synchronously unless there is something to wait for, so that the next request finds the view. */
  async #keep({ status, sentHeaders, fault, ...sent }: Sent): Promise<MissReason | undefined> {
    const { head, kept } = this.#answer;
    const { headers, body } = kept.given(sent.headers, sent.body);
    this.#dependOnMet();
    const { asked } = this.#body;
    if (asked !== undefined) await asked;
    if (this.#skip instanceof Promise ? await this.#skip : this.#skip) return 'skip option';
    // Headers that others set later, until the head was sent, count as well.
    const shown = kept.sent(sentHeaders);
    const last = this.audience.asOthersLeft(shown);
    const reason = this.#refused ?? fault ?? this.#reason(status, headers) ?? this.#responseReason(status, last);
    if (reason !== undefined) return reason;
    if (body === undefined) return 'too large';
    const { surrogate, views, ignoreHost } = this.#settings;
    // Now all dependencies are known, and all reads.
    const named = surrogate ? { [surrogate.header.toLowerCase()]: this.#surrogate(surrogate, true) } : {};
    const created = views.engine.settings.now();
    const more = { headers: named, shown, created, ignoresHost: ignoreHost };
    const view = this.#answer.toStore({ status, headers, body }, more);
    if (typeof view === 'string') return view;
    const lifetime = lifetimeOf(head.said(headers), this.#answered);
    const { dependencies } = this.#body;
    dependencies.endAt(this.#end.expires, this.#end.staleUntil);
    // RFC 9111 lets a shared cache serve nothing stale that says how long it is fresh, unless the server allows it.
    if (lifetime !== undefined) dependencies.endAt(this.#answered + lifetime);
    return this.#slot.keep({
      view,
      reads: this.#allReads(headers),
      dependencies,
      since: this.part.since,
      cost: this.cost,
      // A client may take long to receive it.
      duration: this.#answered - this.#began,
      held: this.making?.held ?? new Set(),
    });
  }

  /** Returns why the view must not be stored, as far as is known by now. */
  #reason(status: number, headers: Headers): MissReason | undefined {
    const { reason } = this.reads;
    if (this.pages.mayUseOutside) this.refuse('changed outside');
    const known = reason ?? this.#refused ?? this.#responseReason(status, headers) ?? this.#body.uncached;
    if (known !== undefined) return known;
    if (this.#hasFailed) return 'error page';
    return this.#answer.kept.wasLoggedIn ? this.#visit.sessionChanged() : this.#visit.foundOut();
  }

  /** Checks what is known as the head is sent, and not before. */
  #reasonAtHead({ status, headers, body }: Head): MissReason | undefined {
    const { engine } = this.#settings.views;
    // Check here, because the sending code is still in its transaction.
    if (this.#body.names.some((name) => engine.isUncommitted(name))) return 'unknown token';
    const reason = this.#answer.reasonAtHead({ status, headers, body });
    if (reason !== undefined) return reason;
    // What the rest of the body repeats cannot be taken back from a proxy.
    if (body === undefined && bringsSecret(this.#exchange)) this.#visit.mark();
    return undefined;
  }

  #surrogate(surrogate: NonNullable<ViewSettings['surrogate']>, isComplete: boolean): string {
    return surrogateValue([...new Set(this.#body.names)], surrogate, isComplete);
  }

  /** Returns what was read, and the request headers that the response names in its Vary. */
  #allReads(headers: Headers): ReadonlyMap<ReadName, ValueText> {
    const all = new Map(this.reads.found);
    // A compressed body is only for clients that accept its coding, even if Vary does not say so.
    const maybeCoded = isCoded(headers) || (this.#exchange.mayCompress && !this.#answer.kept.isOpen);
    const named = varyNames(this.#answer.head.said(headers));
    for (const name of maybeCoded ? ['accept-encoding', ...named] : named) {
      if (name === 'accept-encoding' && !maybeCoded && this.#exchange.compressesAnswers === true) continue;
      const read = headerRead(name);
      if (!all.has(read)) all.set(read, this.#values.text(read));
    }
    return all;
  }

  #detail(reason: MissReason): string {
    const detail = this.#detailOf(reason);
    return detail === undefined ? '' : `: ${detail}`;
  }

  #detailOf(reason: MissReason | undefined): string | undefined {
    const gives = (name: string) => this.pages.visitor?.gives(name) === true;
    return missDetail(reason, { refused: this.#refused, why: this.#why, reads: this.reads, gives });
  }

  #responseReason(status: number, headers: Headers): ResponseReason | undefined {
    return responseReason(status, this.#answer.said(headers), this.#settings.statuses, this.#answered);
  }

  #fail(error: unknown): void {
    this.refuse('error');
    this.#settings.views.report(error);
  }
}
