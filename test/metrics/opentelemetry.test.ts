import { context, type Span, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { DataPointType, MeterProvider, type MetricData, MetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { lazy } from 'nunjucks-cachesweeper';
import { opentelemetry, prometheus } from 'nunjucks-cachesweeper/metrics';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Article } from '../support/models.ts';
import { fragment, Site } from '../sweeper/site.ts';

/** Collects when it is told to. */
class ManualReader extends MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}

  async read(): Promise<ReadonlyMap<string, MetricData>> {
    const { resourceMetrics, errors } = await this.collect();
    expect(errors).toEqual([]);
    const all = resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics);
    return new Map(all.map((metric) => [metric.descriptor.name, metric]));
  }
}

function metered() {
  const reader = new ManualReader();
  return { reader, meter: new MeterProvider({ readers: [reader] }).getMeter('site') };
}

function traced() {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  return { exporter, tracer: provider.getTracer('site') };
}

const article = new Article(1);
const page = `${fragment('article 0', '"a"')}\n${fragment('article 0 when=no', '"b"')}`;

describe('a meter', () => {
  test('gets the figures of stats(), by attributes', async () => {
    const site = new Site(page);
    const { reader, meter } = metered();
    opentelemetry(site.sweeper, { meter });
    for (let n = 0; n < 3; n++) await site.render({ article, no: false });
    const fragments = (await reader.read()).get('cachesweeper.fragments');
    expect(fragments).toMatchObject({
      descriptor: { unit: '{fragment}' },
      dataPointType: DataPointType.SUM,
      isMonotonic: true,
    });
    expect(fragments?.dataPoints.map(({ attributes, value }) => [attributes, value])).toEqual([
      [{ 'cachesweeper.tag': 'page.njk:1', 'cachesweeper.outcome': 'hit' }, 2],
      [{ 'cachesweeper.tag': 'page.njk:1', 'cachesweeper.outcome': 'miss' }, 1],
      [{ 'cachesweeper.tag': 'page.njk:2', 'cachesweeper.outcome': 'hit' }, 0],
      [{ 'cachesweeper.tag': 'page.njk:2', 'cachesweeper.outcome': 'miss' }, 0],
      [{ 'cachesweeper.tag': 'page.njk:2', 'cachesweeper.outcome': 'uncached', 'cachesweeper.reason': 'when' }, 3],
    ]);
  });

  test('gets histograms of renders, in seconds', async () => {
    const site = new Site(page);
    const { reader, meter } = metered();
    opentelemetry(site.sweeper, { meter });
    await site.render({ article, no: false });
    const duration = (await reader.read()).get('cachesweeper.render.duration');
    expect(duration).toMatchObject({ descriptor: { unit: 's' }, dataPointType: DataPointType.HISTOGRAM });
    expect(duration?.dataPoints[0]?.value).toMatchObject({ count: 1, sum: site.reports[0]!.milliseconds / 1_000 });
  });

  test('gets the same metrics as Prometheus, under the names that an exporter makes of these', async () => {
    const site = new Site(page);
    const { reader, meter } = metered();
    const register = new Registry();
    opentelemetry(site.sweeper, { meter });
    prometheus(site.sweeper, { register });
    await site.render({ article, no: false });
    const units: Record<string, string> = { s: '_seconds', By: '_bytes' };
    const names = [...(await reader.read()).values()].map(({ descriptor: { name, unit }, ...data }) => {
      const isCounter = data.dataPointType === DataPointType.SUM && data.isMonotonic;
      return `${name.replaceAll('.', '_')}${units[unit] ?? ''}${isCounter ? '_total' : ''}`;
    });
    const withValues = (await register.getMetricsAsJSON()).filter(({ values }) => values.length > 0);
    expect(names.sort()).toEqual(withValues.map(({ name }) => name).sort());
  });

  test('gets nothing after stop()', async () => {
    const site = new Site(page);
    const { reader, meter } = metered();
    opentelemetry(site.sweeper, { meter })();
    await site.render({ article, no: false });
    expect([...(await reader.read()).keys()]).toEqual([]);
  });
});

describe('a tracer', () => {
  const manager = new AsyncLocalStorageContextManager();
  beforeAll(() => void context.setGlobalContextManager(manager.enable()));
  afterAll(() => context.disable());

  /** Runs a function as a request's handler, inside of its span. */
  const asRequest = (span: Span, run: () => Promise<unknown>) =>
    context.with(trace.setSpan(context.active(), span), run);

  test('gets a span for each render, with what became of its fragments', async () => {
    const site = new Site(page);
    const { exporter, tracer } = traced();
    opentelemetry(site.sweeper, { tracer });
    await site.render({ article, no: false });
    await site.render({ article, no: false });
    const [first, second] = exporter.getFinishedSpans();
    expect(first).toMatchObject({
      name: 'render page.njk',
      attributes: { 'cachesweeper.template': 'page.njk', 'cachesweeper.passes': 1, 'cachesweeper.fragments.miss': 1 },
    });
    expect(first?.events.map(({ name, attributes }) => [name, attributes])).toEqual([
      [
        'cachesweeper.fragment',
        expect.objectContaining({ 'cachesweeper.tag': 'page.njk:1', 'cachesweeper.outcome': 'miss' }),
      ],
      [
        'cachesweeper.fragment',
        expect.objectContaining({ 'cachesweeper.tag': 'page.njk:2', 'cachesweeper.reason': 'when' }),
      ],
    ]);
    expect(second?.attributes).toMatchObject({ 'cachesweeper.fragments.hit': 1, 'cachesweeper.fragments.uncached': 1 });
    expect(second?.events).toHaveLength(1);
  });

  test('gets spans that took as long as the render', async () => {
    const site = new Site(page);
    const { exporter, tracer } = traced();
    opentelemetry(site.sweeper, { tracer });
    await site.render({ article, no: false });
    const [seconds, nanoseconds] = exporter.getFinishedSpans()[0]!.duration;
    expect(seconds * 1_000 + nanoseconds / 1e6).toBeCloseTo(site.reports[0]!.milliseconds, 1);
  });

  test('gets spans that end with the render, also where the store is asked for the cause of a miss', async () => {
    const store = new TestingStore();
    const [site, other] = [store, new TestingStore({ shared: store })].map(
      (each) => new Site(page, { store: each, causes: true }),
    ) as [Site, Site];
    await site.render({ article, no: false });
    await site.sweeper.idle();
    await other.sweeper.invalidateCacheFor(article);
    await other.sweeper.idle();
    const { exporter, tracer } = traced();
    opentelemetry(site.sweeper, { tracer });
    const ended = site.now;
    store.script = ({ keys }) => {
      if (keys.some((key) => key.includes(':cause:'))) site.now += 900;
      return undefined;
    };
    await site.render({ article, no: false });
    await site.sweeper.idle();
    expect(site.now).toBe(ended + 900);
    const [seconds, nanoseconds] = exporter.getFinishedSpans()[0]!.endTime;
    expect(seconds * 1_000 + nanoseconds / 1e6).toBeCloseTo(ended, 1);
  });

  test('gets each span inside of the span that was active where its page was asked for, however pages wait for each other', async () => {
    const site = new Site(fragment('article 0', '"a"', '{{ load() }}'));
    const { exporter, tracer } = traced();
    opentelemetry(site.sweeper, { tracer });
    // All wait for one promise: who is called back first continues the others.
    let arrive = (): void => {};
    const data = new Promise<string>((resolve) => {
      arrive = () => resolve('data');
    });
    const requests = Array.from({ length: 4 }, (_, n) => tracer.startSpan(`GET /${n}`));
    const pages = requests.map((span, n) =>
      asRequest(span, () => site.render({ article: new Article(n), load: lazy(() => data) })),
    );
    arrive();
    await Promise.all(pages);
    const parents = exporter.getFinishedSpans().map(({ parentSpanContext }) => parentSpanContext?.spanId);
    expect(parents.sort()).toEqual(requests.map((span) => span.spanContext().spanId).sort());
  });

  test('gets no more events than it keeps', async () => {
    const site = new Site(
      '{% for n in range(300) %}{% cachesweeper article 0 n when=no %}.{% endcachesweeper %}{% endfor %}',
    );
    const { exporter, tracer } = traced();
    opentelemetry(site.sweeper, { tracer });
    await site.render({ article, no: false });
    const [span] = exporter.getFinishedSpans();
    expect([span?.events.length, span?.droppedEventsCount]).toEqual([128, 0]);
    expect(span?.attributes).toMatchObject({ 'cachesweeper.fragments.uncached': 300 });
  });

  test('whose span fails has it ended all the same', async () => {
    const errors: unknown[] = [];
    const site = new Site(page, { onError: (error) => void errors.push(error) });
    const failure = new Error('no attributes');
    const ends: number[] = [];
    const span = {
      isRecording: () => true,
      setAttributes: () => {
        throw failure;
      },
      addEvent: () => {},
      end: (time: number) => void ends.push(time),
    };
    opentelemetry(site.sweeper, { tracer: { startSpan: () => span } });
    await site.render({ article, no: false });
    expect([errors, ends]).toEqual([[failure], [site.now]]);
  });

  test('that fails is reported, and no page notices it', async () => {
    const errors: unknown[] = [];
    const site = new Site(page, { onError: (error) => void errors.push(error) });
    const failure = new Error('no exporter');
    opentelemetry(site.sweeper, {
      tracer: {
        startSpan: () => {
          throw failure;
        },
      },
    });
    await site.render({ article, no: false });
    expect(errors).toEqual([failure]);
    expect(site.reports).toHaveLength(1);
  });
});

test.each([
  [{}, 'opentelemetry(): expected a meter, a tracer or both, got neither'],
  [{ meter: {} }, 'opentelemetry() meter: expected a Meter'],
  [{ tracer: 7 }, 'opentelemetry() tracer: expected a Tracer'],
  [{ spans: true }, 'opentelemetry() spans: expected one of meter, tracer, maxTags'],
  [undefined, 'opentelemetry(): expected an object of options'],
])('%o is refused', (options, message) => {
  const { sweeper } = new Site('');
  expect(() => opentelemetry(sweeper, options as never)).toThrow(message);
});
