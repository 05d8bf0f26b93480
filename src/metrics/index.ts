export { type Meter, type OpenTelemetryOptions, opentelemetry } from './opentelemetry.ts';
export { type PrometheusOptions, type PrometheusRegistry, prometheus } from './prometheus.ts';
export type { Tracer } from './render-spans.ts';
