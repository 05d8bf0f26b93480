import type { CacheSweeper } from '../sweeper.ts';
import { badOption, checkNames } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { DISTRIBUTIONS } from './distributions.ts';
import { type Counts, FIGURES, Names, pointsOf } from './figures.ts';
import { checkedListeners, checkedMaxTags, checkObject, hasMethods } from './options.ts';
import { type Attributes, recordSpan, type Tracer } from './render-spans.ts';

interface Observer {
  observe(instrument: never, value: number, attributes: Attributes): void;
}

type Collect = (observer: Observer) => void;

interface InstrumentOptions {
  readonly description: string;
  readonly unit: string;
}

/** The part of OpenTelemetry's `Meter` that is used here. */
export interface Meter {
  createObservableCounter(name: string, options: InstrumentOptions): object;
  createObservableUpDownCounter(name: string, options: InstrumentOptions): object;
  createHistogram(
    name: string,
    options: InstrumentOptions & { readonly advice: { explicitBucketBoundaries: number[] } },
  ): { record(value: number): void };
  addBatchObservableCallback(callback: Collect, instruments: never[]): void;
  removeBatchObservableCallback(callback: Collect, instruments: never[]): void;
}

/** Options of {@link opentelemetry}: a meter, a tracer or both. */
export interface OpenTelemetryOptions {
  /** Gets the metrics: `metrics.getMeter('shop')`. Default: none. */
  readonly meter?: Meter;
  /** Gets a span for each render: `trace.getTracer('shop')`. Default: none. */
  readonly tracer?: Tracer;
  /** Limit of tags, and of views, that have attributes of their own. Further ones are counted together, as `other`. Default 100. */
  readonly maxTags?: number;
}

const WHERE = 'opentelemetry()';
const METHODS = [
  'createObservableCounter',
  'createObservableUpDownCounter',
  'createHistogram',
  'addBatchObservableCallback',
  'removeBatchObservableCallback',
];

/**
 * Gives the figures of a sweeper to OpenTelemetry: metrics by a meter, and by a tracer a span for each render, inside of the span that
 * is active where the page is rendered. docs/metrics.md has all names.
 *
 * @returns a function that ends it
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when an option has an unknown name or a wrong value, or there is neither meter nor
 * tracer
 *
 * @example
 * import { metrics, trace } from '@opentelemetry/api';
 * opentelemetry(sweeper, { meter: metrics.getMeter('shop'), tracer: trace.getTracer('shop') });
 */
export function opentelemetry(sweeper: CacheSweeper, options: OpenTelemetryOptions): () => void {
  const listeners = checkedListeners(WHERE, sweeper);
  checkObject(WHERE, options);
  checkNames(WHERE, options, ['meter', 'tracer', 'maxTags']);
  const { meter, tracer } = options;
  if (meter === undefined && tracer === undefined) throw badOption(WHERE, 'a meter, a tracer or both', 'neither');
  if (meter !== undefined && !hasMethods(meter, ...METHODS)) {
    throw badOption(`${WHERE} meter`, 'a Meter of @opentelemetry/api 1.3 or later', describe(meter));
  }
  if (tracer !== undefined && !hasMethods(tracer, 'startSpan')) {
    throw badOption(`${WHERE} tracer`, 'a Tracer of @opentelemetry/api', describe(tracer));
  }
  const names = new Names(checkedMaxTags(WHERE, options.maxTags));
  const stops: (() => void)[] = [];
  if (meter !== undefined) {
    const histograms = DISTRIBUTIONS.map(({ name, unit, help, bounds, of }) => {
      const advice = { explicitBucketBoundaries: [...bounds] };
      return { of, histogram: meter.createHistogram(PREFIX + name, { description: help, unit, advice }) };
    });
    stops.push(observe(meter, () => names.counts(sweeper.stats())));
    const stop = listeners.onRender((report) => {
      for (const { of, histogram } of histograms) histogram.record(of(report));
    });
    stops.push(stop);
  }
  if (tracer !== undefined) stops.push(listeners.onRender((report) => recordSpan(tracer, report)));
  return () => {
    for (const stop of stops) stop();
  };
}

const PREFIX = 'cachesweeper.';

/** Has a meter ask for all figures at one time. Returns a function that ends it. */
function observe(meter: Meter, counts: () => Counts): () => void {
  const instruments = FIGURES.map((figure) => {
    const { name, unit, help, kind } = figure;
    const options = { description: help, unit };
    const instrument =
      kind === 'counter'
        ? meter.createObservableCounter(PREFIX + name, options)
        : meter.createObservableUpDownCounter(PREFIX + name, options);
    return { figure, instrument: instrument as never };
  });
  const collect: Collect = (observer) => {
    const now = counts();
    for (const { figure, instrument } of instruments) {
      for (const { value, labels } of pointsOf(figure, now)) observer.observe(instrument, value, attributesOf(labels));
    }
  };
  const all = instruments.map(({ instrument }) => instrument);
  meter.addBatchObservableCallback(collect, all);
  return () => meter.removeBatchObservableCallback(collect, all);
}

function attributesOf(labels: Readonly<Record<string, string>>): Attributes {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [PREFIX + name, value]));
}
