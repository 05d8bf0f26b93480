import { currentPart, inPart, inVisit, requestStarted } from '../render/ambient.ts';
import { Early } from '../render/making/early.ts';
import { Maker } from '../render/making/maker.ts';
import { askVisitor } from './holes/ask-visitor.ts';
import { commonNames } from './holes/common-names.ts';
import { textsByName } from './holes/page-holes.ts';
import { addressOf } from './http/address.ts';
import { type Forward, withoutTimings } from './http/cache-headers.ts';
import { tagCodings } from './http/conditional.ts';
import type { Exchange } from './http/exchange.ts';
import { filledView } from './http/filled-view.ts';
import { answerFor, markPersonal, NOT_SHARED, OUTAGE_HIT } from './http/last-word.ts';
import { record } from './http/recorder.ts';
import { replyWith } from './http/reply.ts';
import { type SkipReason, skipReason, unkeptReason } from './http/request-rules.ts';
import type { StoredView } from './http/sound-view.ts';
import { Visit } from './http/visit.ts';
import { lookUp } from './look-up.ts';
import type { MissReason } from './miss-reason.ts';
import type { ViewSettings } from './options.ts';
import { RequestValues } from './reads/request-values.ts';
import type { ReadReason } from './reads/value-text.ts';
import { askReplace } from './replace/ask-replace.ts';
import type { Replacements } from './replace/replacements.ts';
import { areCausesTold, report, routeOf, tell, type Watch } from './view-report.ts';
import { ViewRun } from './view-run.ts';
import type { ViewSlot } from './view-slot.ts';
import { makes, passes, runOf, settingsOf } from './views-of-requests.ts';

/**
 * Answers a request from the cache, or runs its handler and stores the answer.
 *
 * @param handler the next step; all that it renders belongs to the view
 * @returns the handler's result; undefined if the cache answered
 */
export async function serveView<T>(
  exchange: Exchange,
  settings: ViewSettings,
  handler: RunHandler<T>,
): Promise<Awaited<T> | undefined> {
  const { incoming } = exchange;
  const outer = settingsOf(incoming);
  if (outer !== undefined) {
    if (outer === settings) return await handler(undefined);
    return await serveInside(exchange, settings, handler);
  }
  passes(incoming, settings);
  // Without them no page of the route is what it should be, so an error is the request's.
  const visitor = settings.holes && (await askVisitor(exchange, settings.holes));
  const watch = settings.views.engine.inspector?.beginView(incoming);
  let found: ViewRun | Passed | 'answered';
  try {
    found = await answer(exchange, settings, visitor, watch);
  } catch (error) {
    settings.views.report(error);
    found = { reason: 'error' };
  }
  if (found === 'answered') return undefined;
  if (!(found instanceof ViewRun)) {
    note(exchange, settings, found, watch);
    return await passOn(handler, visitor);
  }
  const run = found;
  answerFor(exchange.response, run.audience);
  makes(incoming, run);
  record(exchange.response, settings.maxBytes, run);
  return await inPart(run.part, () => handler(run));
}

type Visitor = Readonly<Record<string, unknown>>;

type RunHandler<T> = (run: ViewRun | undefined, visitor?: Visitor) => T;

/** Runs a handler that no view is made of. Its pages are given the visitor's variables all the same. */
async function passOn<T>(handler: RunHandler<T>, visitor: Visitor | undefined): Promise<Awaited<T>> {
  if (visitor === undefined) return await handler(undefined);
  return await inVisit(visitor, () => handler(undefined, visitor));
}

/**
 * Runs the handler of a view inside of another one. The outer view's entry would be served without checking the rules of
 * this one, so it is not stored.
 */
async function serveInside<T>(exchange: Exchange, settings: ViewSettings, handler: RunHandler<T>): Promise<Awaited<T>> {
  const run = runOf(exchange.incoming);
  run?.nest(undefined);
  markPersonal(exchange.response);
  const visitor = settings.holes && (await askVisitor(exchange, settings.holes));
  if (run === undefined) return await passOn(handler, visitor);
  run.nest(visitor);
  return await handler(undefined);
}

const NONE: ReadonlyMap<string, string> = new Map();

/**
 * Returns texts that tell what differs between visitors: its names, and not its values.
 *
 * @param common names of what middleware gives to pages, too
 */
function kindOf(
  replaced: Replacements | undefined,
  visitor: Visitor | undefined,
  common: ReadonlySet<string>,
): readonly string[] {
  const names = visitor && `holes ${JSON.stringify([Object.keys(visitor).sort(), [...common].sort()])}`;
  return [replaced?.key, names].filter((text) => text !== undefined);
}

/** A view to be sent. */
interface Served {
  readonly view: StoredView;
  /** Whether it, or what a hole shows, was served in an outage. */
  readonly isOutage: boolean;
}

/** Returns a stored view with this visitor's own in it; undefined if that is not to be had without the handler. */
async function filled(
  view: StoredView,
  { views }: ViewSettings,
  replaced: Replacements | undefined,
  visitor: Visitor | undefined,
  { isOutage, maker }: { readonly isOutage: boolean; readonly maker: Maker },
): Promise<Served | undefined> {
  const values = replaced?.values ?? NONE;
  const served = (texts: ReadonlyMap<string, string>, hasOutageHit: boolean): Served | undefined => {
    const whole = filledView(view, texts);
    return whole && { view: whole, isOutage: isOutage || hasOutageHit };
  };
  if (view.holes.length === 0) return served(values, false);
  // An error of a template is the page's, which the handler renders next.
  const holes = await views.engine.fill(view, visitor ?? {}, maker).catch(() => undefined);
  return holes && served(new Map([...values, ...textsByName(holes.texts)]), holes.hasOutageHit);
}

/** Why the cache takes no part. */
interface Passed {
  readonly reason: SkipReason | ReadReason;
  /** How the view was looked for. */
  readonly slot?: ViewSlot;
}

async function answer(
  exchange: Exchange,
  settings: ViewSettings,
  visitor: Visitor | undefined,
  watch: Watch,
): Promise<ViewRun | Passed | 'answered'> {
  const { views, name } = settings;
  const { incoming, host, params } = exchange;
  if (name !== undefined && settings.path === undefined && exchange.pattern !== undefined) {
    views.routes.learn(name, exchange.pattern);
  }
  const started = performance.now();
  const asked = skipReason(exchange, settings);
  const skipped = asked instanceof Promise ? await asked : asked;
  if (skipped !== undefined) return { reason: skipped };
  if (!views.isEnabled || (views.engine.inspector?.without ?? 'nothing') !== 'nothing') return { reason: 'disabled' };
  const address = addressOf(exchange, settings);
  if (address === undefined) return { reason: 'target' };
  const { now, maxDataAge } = views.engine.settings;
  const since = requestStarted() ?? now() - maxDataAge;
  const values = settings.replace && askReplace(exchange, settings.replace, address.urls);
  const replaced = values instanceof Promise ? await values : values;
  if (settings.replace !== undefined && replaced === undefined) return { reason: 'nothing to replace' };
  const request = new RequestValues(exchange, views, { replaced, visitor });
  const given = request.given(exchange.given?.(address) ?? []);
  if (given === undefined) return { reason: 'unseen' };
  const common = commonNames(visitor ?? {}, exchange.locals()[0] ?? {});
  const part = {
    address,
    host: settings.ignoreHost ? undefined : host,
    name,
    params,
    kind: [request.kind(), given, ...kindOf(replaced, visitor, common), exchange.route],
    values: settings.vary?.(exchange.request) ?? [],
  };
  const mayFill = unkeptReason(incoming) === undefined;
  const wanted = {
    keys: views.keys.of(part),
    models: settings.models === undefined ? [] : views.identities(await settings.models(exchange.request)),
    request,
    early: mayFill ? Early.of(views.engine.settings) : undefined,
  };
  const maker = new Maker(currentPart()?.maker, false);
  const { slot, view, own: known, making } = await lookUp(views, wanted, maker, mayFill);
  try {
    if (view === 'personal' || view === 'unseen') return { reason: view, slot };
    const served = view && (await filled(view, settings, replaced, visitor, { isOutage: slot.isOutage, maker }));
    if (served !== undefined && isAllowed(served.view, settings)) {
      sendHit(exchange, settings, {
        ...served,
        slot,
        isForOne: replaced !== undefined || visitor !== undefined,
        started,
        watch,
      });
      return 'answered';
    }
    const own = known ?? (await slot.open());
    maker.renews = slot.renews;
    const lookup = performance.now() - started;
    const missing = areCausesTold(settings, watch) ? slot.missing : undefined;
    const run: ViewRun = new ViewRun(
      exchange,
      settings,
      { slot, own, since, address, values: request, replaced, visitor, common, maker },
      (reason, detail) => {
        const route = routeOf(exchange, settings);
        const { cost } = run;
        views.engine.viewed({ route, outcome: 'miss', reason, cost, lookup });
        report(exchange, settings, 'miss', reason, watch, { detail, missing, slot, cost, lookup });
      },
    );
    // What the handler reads is asked for all the same: caches on the way are told.
    if (own.uncached !== undefined) run.refuse('unknown token');
    run.making = making;
    const forward = own.uncached === undefined ? slot.forward : 'miss';
    tell(exchange, settings, () => ({ ...run.told, outcome: 'miss', forward, lookup, handler: run.cost }));
    return run;
  } catch (error) {
    // Others wait for what this request was to make.
    making?.refused('error', exchange.response.statusCode);
    throw error;
  }
}

/** Whether the options allow a stored view. Those of who has stored it may have been others. */
function isAllowed({ status, body }: StoredView, { statuses, maxBytes }: ViewSettings): boolean {
  return statuses.has(status) && body.length <= maxBytes;
}

/** @param hit `isForOne`: whether values of one visitor stand in the view; `started`: when looking for it began */
function sendHit(
  exchange: Exchange,
  settings: ViewSettings,
  hit: Served & {
    readonly slot: ViewSlot;
    readonly isForOne: boolean;
    readonly started: number;
    readonly watch: Watch;
  },
): void {
  const { view, isOutage, slot, isForOne, started, watch } = hit;
  const { engine } = settings.views;
  const reason = isOutage ? 'outage' : slot.isStale ? 'stale' : undefined;
  const control = { before: exchange.headers()['cache-control'], ours: settings.cacheControl };
  const made = replyWith(view, exchange.incoming, engine.settings.now(), control, isOutage);
  const reply = { ...made, headers: withoutTimings(made.headers, settings.headers) };
  if (isOutage) answerFor(exchange.response, OUTAGE_HIT);
  if (isForOne) markPersonal(exchange.response);
  else answerFor(exchange.response);
  const lookup = performance.now() - started;
  const { expires, cost } = slot;
  tell(exchange, settings, () => ({ outcome: 'hit', reason, expires, lookup }));
  engine.viewed({ route: routeOf(exchange, settings), outcome: 'hit', reason, cost, lookup });
  report(exchange, settings, 'hit', reason, watch, { slot, cost, lookup });
  tagCodings(exchange.response);
  exchange.send(reply);
}

/**
 * Reasons that concern one visitor, or leave open whether they do. What the request carries and what the handler finds
 * out is asked apart from the reason.
 */
const PERSONAL: ReadonlySet<MissReason> = new Set<MissReason>([
  'skip option',
  'nothing to replace',
  'error',
  'request body',
  'personal',
  'unseen',
]);

/** Sets X-Cache on the response to a request in which the cache takes no part, and reports it. */
function note(exchange: Exchange, settings: ViewSettings, { reason, slot }: Passed, watch: Watch): void {
  const { response } = exchange;
  response.setHeader('X-Cache', settings.debug ? `skip (${reason})` : 'skip');
  const visit = new Visit(exchange, settings.isSession);
  if (PERSONAL.has(reason) || settings.replace !== undefined || settings.holes !== undefined) visit.mark();
  answerFor(response, visit);
  const forward: Forward = reason === 'method' ? 'method' : 'bypass';
  tell(exchange, settings, () => ({ outcome: 'skip', forward, reason }));
  // Nobody looks at what the handler reads.
  if (reason === 'target') answerFor(response, NOT_SHARED);
  report(exchange, settings, 'skip', reason, watch, { slot, detail: slot?.refused });
}
