import type { CacheSweeper } from '../sweeper.ts';
import { badOption, checkNames } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { DISTRIBUTIONS } from './distributions.ts';
import { type Counts, FIGURES, Names, pointsOf } from './figures.ts';
import { checkedListeners, checkedMaxTags, checkObject, hasMethods } from './options.ts';
import { Histogram, type PrometheusMetric, prometheusName, pulledMetric } from './prometheus-metric.ts';

/** The part of prom-client's `Registry` that is used here. */
export interface PrometheusRegistry {
  registerMetric(metric: never): void;
  getSingleMetric(name: string): unknown;
  removeSingleMetric(name: string): void;
}

/** Options of {@link prometheus}. */
export interface PrometheusOptions {
  /** Registry of prom-client in which the site has its metrics: `register`, or a `Registry` of its own. */
  readonly register: PrometheusRegistry;
  /** Stands before each name, as in `collectDefaultMetrics`: `shop_` makes `shop_cachesweeper_fragments_total`. Default `''`. */
  readonly prefix?: string;
  /** Limit of tags, and of views, with time series of their own. Further ones are counted together, as `other`. Default 100. */
  readonly maxTags?: number;
}

const WHERE = 'prometheus()';
/** Prometheus' rule for names of metrics. */
const PREFIX = /^([a-zA-Z_:][a-zA-Z0-9_:]*)?$/;

/**
 * Adds the figures of a sweeper to a registry of prom-client: what `stats()` tells, read at each scrape, and histograms of renders.
 * docs/metrics.md has all names.
 *
 * @returns a function that takes them out again
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when an option has an unknown name or a wrong value, and when the registry has a
 * metric of the same name: give each sweeper a prefix
 *
 * @example
 * import { register } from 'prom-client';
 * prometheus(sweeper, { register });
 * app.get('/metrics', async (req, res) => res.type(register.contentType).send(await register.metrics()));
 */
export function prometheus(sweeper: CacheSweeper, options: PrometheusOptions): () => void {
  const listeners = checkedListeners(WHERE, sweeper);
  checkObject(WHERE, options);
  checkNames(WHERE, options, ['register', 'prefix', 'maxTags']);
  const { register, prefix = '' } = options;
  if (!hasMethods(register, 'registerMetric', 'getSingleMetric', 'removeSingleMetric')) {
    throw badOption(`${WHERE} register`, "a registry of prom-client, such as its 'register'", describe(register));
  }
  if (typeof prefix !== 'string' || !PREFIX.test(prefix)) {
    throw badOption(`${WHERE} prefix`, 'letters, digits and "_", not beginning with a digit', describe(prefix));
  }
  const names = new Names(checkedMaxTags(WHERE, options.maxTags));
  const counts = onceATurn(() => names.counts(sweeper.stats()));
  const nameOf = (name: string, unit: string, isCounter: boolean) => prometheusName(prefix, name, unit, isCounter);
  const pulled = FIGURES.map((figure) => {
    const { name, unit, help, kind } = figure;
    const isCounter = kind === 'counter';
    const metric = { name: nameOf(name, unit, isCounter), help, type: isCounter ? 'counter' : 'gauge' } as const;
    return pulledMetric(metric, () => pointsOf(figure, counts()));
  });
  const histograms = DISTRIBUTIONS.map(
    ({ name, unit, help, bounds }) => new Histogram(nameOf(name, unit, false), help, bounds),
  );
  const added = add(register, [...pulled, ...histograms]);
  const stop = listeners.onRender((report) => {
    for (const [index, { of }] of DISTRIBUTIONS.entries()) histograms[index]?.observe(of(report));
  });
  return () => {
    stop();
    // Called once more, it must not take out what was added since.
    for (const name of added.splice(0)) register.removeSingleMetric(name);
  };
}

/** Adds metrics to a registry, all or none. Returns the names that it keeps them by. */
function add(register: PrometheusRegistry, metrics: readonly PrometheusMetric[]): string[] {
  const names = metrics.map(({ name }) => name);
  const taken = names.find((name) => register.getSingleMetric(name) !== undefined);
  if (taken !== undefined) {
    const todo = 'give each sweeper a prefix of its own, or stop the first one';
    throw badOption(`${WHERE} register`, `a registry without ${taken}`, 'one that has it', { todo });
  }
  for (const metric of metrics) register.registerMetric(metric as never);
  return names;
}

/** Calls a function once for all who ask in one turn: a registry asks all metrics in one, so that what it shows is of one moment. */
function onceATurn(make: () => Counts): () => Counts {
  let made: Counts | undefined;
  return () => {
    if (made !== undefined) return made;
    made = make();
    queueMicrotask(() => {
      made = undefined;
    });
    return made;
  };
}
