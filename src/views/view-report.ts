import { channel } from 'node:diagnostics_channel';
import type { InspectedView } from '../render/inspect.ts';
import type { MissCause, Missing } from '../reporting/cause.ts';
import { type Told, tellOfCache } from './http/cache-headers.ts';
import type { Exchange } from './http/exchange.ts';
import { answerFor } from './http/last-word.ts';
import type { MissReason } from './miss-reason.ts';
import type { ViewSettings } from './options.ts';
import type { ViewSlot } from './view-slot.ts';

/** Outcome of one request for a view; published on the `diagnostics_channel` `nunjucks-cachesweeper:view`. */
export interface ViewReport {
  /** Path and query. */
  readonly target: string;
  readonly name: string | undefined;
  /**
   * `hit`: served from the cache; with the reason `stale` while another request made it anew, and `outage` in an outage of the
   * store. `miss`: rendered, and stored unless a reason is given. `skip`: the cache took no part.
   */
  readonly outcome: 'hit' | 'miss' | 'skip';
  readonly reason?: MissReason;
  /** The read that is the reason, such as `session` or `locals.t`. Only where the option `debug` is on, who read it. */
  readonly detail?: string;
  /** Of a miss, with the sweeper's option `causes`: why there was no view to serve. `describeCause()` says it in words. */
  readonly cause?: MissCause;
}

const viewChannel = channel('nunjucks-cachesweeper:view');

/** A panel that looks on at the request. */
export type Watch = ((view: InspectedView) => void) | undefined;

/** Whether reports tell why there was no view to serve. */
export function areCausesTold({ views }: ViewSettings, watch: Watch): boolean {
  return views.engine.settings.causes && (viewChannel.hasSubscribers || watch !== undefined);
}

/** What else is known of a request for a view. */
interface Known {
  readonly detail?: string | undefined;
  /** Why there was no view. */
  readonly missing?: Missing | undefined;
  /** How it was looked for. */
  readonly slot?: ViewSlot | undefined;
  /** Milliseconds that making the view took, and looking for it. */
  readonly cost?: number;
  readonly lookup?: number;
}

/** Tells what became of a request. A report that has to ask the store for what bumped the view is published later. */
export function report(
  { target }: Exchange,
  { name, views }: ViewSettings,
  outcome: ViewReport['outcome'],
  reason: MissReason | undefined,
  watch: Watch,
  { detail, missing, slot, cost, lookup }: Known = {},
): void {
  if (!viewChannel.hasSubscribers && watch === undefined) return;
  const why = { ...(reason === undefined ? {} : { reason }), ...(detail === undefined ? {} : { detail }) };
  const told = { target, name, outcome, ...why, ...(missing === undefined ? {} : { cause: missing.cause }) };
  const isKept = outcome === 'hit' || (outcome === 'miss' && reason === undefined);
  watch?.({ report: told, cost, lookup, from: slot?.servedFrom(isKept) });
  const bumped = missing === undefined || missing.bumped.length === 0 ? [] : [[told, missing.bumped] as const];
  views.withCauses(new Map(bumped), () => viewChannel.publish(told satisfies ViewReport));
}

/** Returns what tells the views of one route in statistics. */
export function routeOf({ pattern }: Exchange, { name, path }: ViewSettings): string {
  return name ?? path ?? pattern ?? '(no name)';
}

/** Adds the headers of the option `headers` to the answer. */
export function tell(
  { response }: Exchange,
  { headers, debug, views }: ViewSettings,
  told: () => Omit<Told, 'detail'> & { readonly reason: string | undefined },
): void {
  if (headers.length === 0) return;
  const { now } = views.engine.settings;
  const shown = (): Told => {
    const { reason, ...others } = told();
    return debug ? { ...others, detail: reason } : others;
  };
  answerFor(response, tellOfCache(headers, now, shown));
}
