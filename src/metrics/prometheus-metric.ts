import type { Point } from './figures.ts';

/** One line of what Prometheus reads. */
export interface Sample extends Point {
  /** Where it is not the metric's. */
  readonly metricName?: string;
}

/** What prom-client's registry asks of a metric. */
export interface PrometheusMetric {
  /** A registry for OpenMetrics changes it. */
  name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** How the figures of a cluster's processes become one. */
  readonly aggregator: 'sum';
  get(): Pick<PrometheusMetric, 'name' | 'help' | 'type' | 'aggregator'> & { readonly values: readonly Sample[] };
  /** Called by `register.resetMetrics()`. */
  reset(): void;
}

/**
 * Returns the name that OpenTelemetry's specification gives a metric in Prometheus: with its unit, and `_total` for counters.
 *
 * https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/
 */
export function prometheusName(prefix: string, name: string, unit: string, isCounter: boolean): string {
  const units = new Map([
    ['s', '_seconds'],
    ['By', '_bytes'],
  ]);
  return `${prefix}cachesweeper_${name.replaceAll('.', '_')}${units.get(unit) ?? ''}${isCounter ? '_total' : ''}`;
}

/** Returns a metric whose values are taken when they are asked for. A reset does not change them: they are not kept here. */
export function pulledMetric(
  { name, help, type }: Pick<PrometheusMetric, 'name' | 'help' | 'type'>,
  values: () => readonly Point[],
): PrometheusMetric {
  const metric: PrometheusMetric = {
    name,
    help,
    type,
    aggregator: 'sum',
    get: () => ({ name: metric.name, help, type, aggregator: 'sum', values: values() }),
    reset: () => {},
  };
  return metric;
}

/** Counts values by their size, as Prometheus' classic histograms do. */
export class Histogram implements PrometheusMetric {
  name: string;
  readonly help: string;
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  readonly #bounds: readonly number[];
  /** Values up to each bound and above the one before; the last number is of those above all bounds. */
  #counts: number[] = [];
  #sum = 0;

  constructor(name: string, help: string, bounds: readonly number[]) {
    this.name = name;
    this.help = help;
    this.#bounds = bounds;
    this.reset();
  }

  observe(value: number): void {
    const at = this.#bounds.findIndex((bound) => value <= bound);
    const index = at === -1 ? this.#bounds.length : at;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sum += value;
  }

  reset(): void {
    this.#counts = [...this.#bounds, 0].map(() => 0);
    this.#sum = 0;
  }

  get(): ReturnType<PrometheusMetric['get']> {
    const { name, help, type, aggregator } = this;
    let count = 0;
    const values = this.#counts.map((here, index): Sample => {
      count += here;
      return { metricName: `${name}_bucket`, labels: { le: String(this.#bounds[index] ?? '+Inf') }, value: count };
    });
    values.push({ metricName: `${name}_sum`, labels: {}, value: this.#sum });
    values.push({ metricName: `${name}_count`, labels: {}, value: count });
    return { name, help, type, aggregator, values };
  }
}
