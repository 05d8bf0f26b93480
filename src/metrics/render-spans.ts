import type { FragmentReport, RenderReport } from '../reporting/report.ts';

export type Attributes = Record<string, string | number>;

/** The part of OpenTelemetry's `Span` that is used here. */
interface Span {
  isRecording(): boolean;
  setAttributes(attributes: Attributes): unknown;
  addEvent(name: string, attributes: Attributes, time: number): unknown;
  end(time: number): void;
}

/** The part of OpenTelemetry's `Tracer` that is used here. */
export interface Tracer {
  startSpan(name: string, options: { readonly startTime: number }): Span;
}

/** Limit of events of one span: as many as OpenTelemetry's SDK keeps by default. */
const MAX_EVENTS = 128;

/**
 * Records a render as a span inside of the active one. An event tells of each fragment that was rendered, or served
 * for a reason.
 */
export function recordSpan(tracer: Tracer, report: RenderReport): void {
  const { template, time: end, milliseconds, passes, roundTrips, waited, fragments } = report;
  const span = tracer.startSpan(`render ${template}`, { startTime: end - milliseconds });
  try {
    if (!span.isRecording()) return;
    const counts = { hit: 0, miss: 0, uncached: 0 };
    for (const { outcome } of fragments) counts[outcome]++;
    span.setAttributes({
      'cachesweeper.template': template,
      'cachesweeper.passes': passes,
      'cachesweeper.round_trips': roundTrips,
      'cachesweeper.store.wait.duration': waited / 1_000,
      'cachesweeper.fragments.hit': counts.hit,
      'cachesweeper.fragments.miss': counts.miss,
      'cachesweeper.fragments.uncached': counts.uncached,
    });
    const told = fragments.filter(({ outcome, reason }) => outcome !== 'hit' || reason !== undefined);
    for (const fragment of told.slice(0, MAX_EVENTS)) {
      span.addEvent('cachesweeper.fragment', attributesOf(fragment), end);
    }
  } finally {
    span.end(end);
  }
}

function attributesOf({ template, line, outcome, reason, cost }: FragmentReport): Attributes {
  return {
    'cachesweeper.tag': `${template}:${line}`,
    'cachesweeper.outcome': outcome,
    ...(reason === undefined ? {} : { 'cachesweeper.reason': reason }),
    'cachesweeper.fragment.render.time': cost / 1_000,
  };
}
