import type { TagStats } from '../reporting/stats.ts';
import type { CacheSweeperStats } from '../sweeper/stats.ts';
import { LimitedNames } from './limited-names.ts';
import { connectionsOf, tooLargeOf } from './store-connections.ts';

/** One value of a figure; `labels` tells it from the figure's other values. */
export interface Point {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * A figure of `stats()`, which is read when metrics are collected. Its name has OpenTelemetry's form, without the first part; its unit
 * is UCUM's, as in OpenTelemetry: seconds, bytes or the thing that is counted, in braces.
 */
export interface Figure {
  readonly name: string;
  /** `counter`: never becomes less while the process lives. `amount`: how much there is now; those of processes add up. */
  readonly kind: 'counter' | 'amount';
  readonly unit: string;
  readonly help: string;
  /** May return several points with the same labels; they add up. */
  readonly points: (counts: Counts) => Iterable<Point>;
}

/** Labels of one tag or view, with its counts. */
interface Counted extends TagStats {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What figures are taken from. */
export interface Counts {
  readonly stats: CacheSweeperStats;
  readonly tags: readonly Counted[];
  readonly views: readonly Counted[];
}

/** Names the tags and views of one sweeper, each with a limit. */
export class Names {
  readonly #tags: LimitedNames;
  readonly #routes: LimitedNames;

  constructor(limit: number) {
    this.#tags = new LimitedNames(limit);
    this.#routes = new LimitedNames(limit);
  }

  counts(stats: CacheSweeperStats): Counts {
    const tags: Counted[] = [];
    const views: Counted[] = [];
    for (const tag of stats.tags) {
      const { template, line } = tag;
      if (line === 0 && template.startsWith(VIEW)) {
        const name = template.slice(VIEW.length);
        views.push({ ...tag, name, labels: { route: this.#routes.labelOf(name) } });
      } else {
        const name = line === 0 ? template : `${template}:${line}`;
        tags.push({ ...tag, name, labels: { tag: this.#tags.labelOf(name) } });
      }
    }
    return { stats, tags: tags.sort(byName), views: views.sort(byName) };
  }
}

/**
 * `stats()` has another order each time, and a sum of times depends on it in its last digit. A counter that becomes less by that counts
 * as begun anew, and shows all that it ever counted as an increase.
 */
function byName(a: Counted, b: Counted): number {
  return a.name < b.name ? -1 : 1;
}

const VIEW = 'view ';

/** Returns a figure's points, those with the same labels as one. */
export function pointsOf(figure: Figure, counts: Counts): readonly Point[] {
  const sums = new Map<string, Point>();
  for (const { labels, value } of figure.points(counts)) {
    const key = JSON.stringify(labels);
    sums.set(key, { labels, value: value + (sums.get(key)?.value ?? 0) });
  }
  return [...sums.values()];
}

const NONE = {};

function one(value: number | undefined): readonly Point[] {
  return value === undefined ? [] : [{ labels: NONE, value }];
}

function* outcomes(all: readonly Counted[]): Iterable<Point> {
  for (const { labels, hits, outageHits, misses, uncached } of all) {
    yield { labels: { ...labels, outcome: 'hit' }, value: hits - outageHits };
    if (outageHits > 0) yield { labels: { ...labels, outcome: 'hit', reason: 'outage' }, value: outageHits };
    yield { labels: { ...labels, outcome: 'miss' }, value: misses };
    for (const [reason, value] of Object.entries(uncached)) {
      yield { labels: { ...labels, outcome: 'uncached', reason }, value };
    }
  }
}

function* verified(all: readonly Counted[]): Iterable<Point> {
  for (const { labels, verified } of all) {
    for (const [result, value] of Object.entries(verified)) yield { labels: { ...labels, result }, value };
  }
}

function seconds(all: readonly Counted[], time: 'timeRendering' | 'timeSaved' | 'timeLooking'): Iterable<Point> {
  return all.map(({ labels, [time]: milliseconds }) => ({ labels, value: milliseconds / 1_000 }));
}

function connections(
  { stats }: Counts,
  value: (connection: ReturnType<typeof connectionsOf>[number][1]) => number,
): Iterable<Point> {
  return connectionsOf(stats.store).map(([name, of]) => ({ labels: { connection: name }, value: value(of) }));
}

const figure =
  (kind: Figure['kind']) =>
  (name: string, unit: string, help: string, points: Figure['points']): Figure => ({ name, kind, unit, help, points });
const counter = figure('counter');
const amount = figure('amount');

/** All figures that are read from `stats()`. */
export const FIGURES: readonly Figure[] = [
  counter('fragments', '{fragment}', 'Uses of tags, by outcome and reason.', ({ tags }) => outcomes(tags)),
  counter('fragment.render.time', 's', 'Time spent rendering bodies of tags.', ({ tags }) =>
    seconds(tags, 'timeRendering'),
  ),
  counter('fragment.saved.time', 's', 'Time that bodies took which hits did not render.', ({ tags }) =>
    seconds(tags, 'timeSaved'),
  ),
  counter('fragment.lookup.time', 's', 'Time spent looking for fragments.', ({ tags }) => seconds(tags, 'timeLooking')),
  counter('views', '{request}', 'Requests for cached views, by outcome and reason.', ({ views }) => outcomes(views)),
  counter('view.render.time', 's', 'Time that handlers of views took.', ({ views }) => seconds(views, 'timeRendering')),
  counter('view.saved.time', 's', 'Time that handlers took which hits did not run.', ({ views }) =>
    seconds(views, 'timeSaved'),
  ),
  counter('view.lookup.time', 's', 'Time spent looking for views.', ({ views }) => seconds(views, 'timeLooking')),
  counter('verifications', '{hit}', 'Hits rendered again to compare them, by result.', ({ tags }) => verified(tags)),
  counter('renders', '{render}', 'Pages rendered.', ({ stats }) => one(stats.renders)),
  counter('names.bumped', '{name}', 'Names invalidated.', ({ stats }) => one(stats.bumped)),
  amount('names.waiting', '{name}', 'Names whose invalidation the store has not acknowledged.', ({ stats }) =>
    one(stats.bumpsWaiting),
  ),
  amount('making.running', '{fragment}', 'Fragments and views being made.', ({ stats }) => one(stats.making.running)),
  amount('making.waiting', '{page}', 'Pages and requests that wait for another that makes the same.', ({ stats }) =>
    one(stats.making.waiting),
  ),
  counter('making.coalesced', '{page}', 'Pages and requests that got what another had made.', ({ stats }) =>
    one(stats.making.coalesced),
  ),
  amount('memory.entries', '{entry}', 'Entries of the memory tier.', ({ stats }) => one(stats.memory.entries)),
  amount('memory.usage', 'By', 'Size of the memory tier.', ({ stats }) => one(stats.memory.bytes)),
  amount('memory.tokens', '{token}', 'Names whose tokens the process keeps.', ({ stats }) => one(stats.tokens)),
  counter('writes.dropped', '{write}', 'Batches of entries not written: too many were on their way.', ({ stats }) =>
    one(stats.writesDropped),
  ),
  counter('values.damaged', '{value}', 'Values of the store that could not be used.', ({ stats }) =>
    one(stats.damaged),
  ),
  counter('values.too_large', '{value}', 'Values that the store did not take: too large.', ({ stats }) =>
    one(tooLargeOf(stats.store)),
  ),
  amount('store.usable', '{connection}', '1 unless the connection of the store has failed.', (counts) =>
    connections(counts, ({ state }) => (state === 'failed' ? 0 : 1)),
  ),
  counter('store.failures', '{failure}', 'Calls or connections of the store that failed.', (counts) =>
    connections(counts, ({ failures }) => failures),
  ),
  counter('store.refused', '{request}', 'Requests not sent: the store had failed.', (counts) =>
    connections(counts, ({ refused }) => refused),
  ),
  counter('store.dropped', '{request}', 'Requests not sent: too many were on their way.', (counts) =>
    connections(counts, ({ dropped }) => dropped),
  ),
];
