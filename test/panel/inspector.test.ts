import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { expect, test } from 'vitest';
import { PageInspector } from '../../src/panel/inspection/page-inspector.ts';
import { numbered, PageReport } from '../../src/panel/inspection/page-report.ts';
import { partsOf } from '../../src/sweeper/parts.ts';

const SOURCE =
  '{% cachesweeper row 500 type="Row" %}<p>{% cachesweeper part "1h" type="Part" %}{{ part.text }}{% endcachesweeper %}</p>{% endcachesweeper %}';
const context = { row: { id: 1 }, part: { id: 2, text: 'a part' } };

function started(): PageInspector {
  const inspector = new PageInspector();
  inspector.start({}, 'nothing');
  return inspector;
}

function site() {
  const sweeper = new CacheSweeper();
  const template = new nunjucks.Template(SOURCE, sweeper.install(new nunjucks.Environment(null)));
  const render = (inspector: PageInspector) =>
    partsOf(sweeper)?.engine.inspect(inspector, () => template.render(context));
  return { sweeper, render };
}

test('it sees each use of a tag, inner ones in outer ones, and of what is found the outer one alone', () => {
  const { render } = site();
  const [first, second] = [started(), started()];
  expect([render(first), render(second)]).toEqual(['<p>a part</p>', '<p>a part</p>']);
  const told = ({ uses }: PageInspector) =>
    uses.map(({ html, inside, report }) => [report?.outcome, html, inside.length]);
  expect(told(first)).toEqual([['miss', '<p>a part</p>', 1]]);
  expect(told(second)).toEqual([['hit', '<p>a part</p>', 0]]);
  const [{ kept } = { kept: undefined }] = second.uses;
  expect(kept?.own).toEqual(['*', 'Row', 'Row:=1']);
  expect(kept?.inherited).toEqual(['Part', 'Part:=2']);
  expect(Math.abs((kept?.made ?? 0) - Date.now())).toBeLessThan(10_000);
});

test('renders of other requests are not looked on at', () => {
  const { sweeper, render } = site();
  const inspector = started();
  render(inspector);
  const env = sweeper.install(new nunjucks.Environment(null));
  env.renderString(SOURCE, context);
  expect(inspector.reports.length).toBe(1);
});

test('after the request it keeps nothing of the page, and looks on at nothing more', () => {
  const { render } = site();
  const inspector = started();
  render(inspector);
  const [use] = inspector.uses;
  expect(use).toBeDefined();
  inspector.forget();
  render(inspector);
  expect([inspector.uses, inspector.reports]).toEqual([[], []]);
});

test('what is known of the whole view of a request is released behind it', () => {
  const incoming = {};
  const inspector = new PageInspector();
  inspector.start(incoming, 'nothing');
  inspector.beginView(incoming)?.({ report: { target: '/', outcome: 'skip' }, cost: 1, lookup: 1, from: undefined });
  expect(inspector.view?.shown(0)).toMatchObject({ outcome: 'skip' });
  inspector.forget();
  expect([inspector.view, inspector.beginView(incoming)]).toEqual([undefined, undefined]);
});

test('what runs on in the context of a request without the cache uses the cache again behind it', () => {
  const { sweeper, render } = site();
  const inspector = new PageInspector();
  inspector.start({}, 'cache');
  render(inspector);
  expect(sweeper.stats().tags.map(({ uncached }) => uncached)).toEqual([{ disabled: 2 }]);
  inspector.forget();
  expect([render(inspector), render(inspector)]).toEqual(['<p>a part</p>', '<p>a part</p>']);
  expect(sweeper.stats().tags).toMatchObject([{ hits: 1, misses: 2 }]);
});

test('the report of a page knows how long it is, whatever the ids, paths and values of its fragments are', () => {
  const sweeper = new CacheSweeper();
  const source =
    '{% cachesweeper row 500 type="Row" %}{{ value }}{% for other in others %}' +
    '{% cachesweeper other 500 type="Other" %}x{% endcachesweeper %}{% endfor %}{% endcachesweeper %}';
  const template = new nunjucks.Template(source, sweeper.install(new nunjucks.Environment(null)));
  const long = 'x'.repeat(10_000);
  const others = Array.from({ length: 10 }, (_, i) => ({ id: `${long}${i}` }));
  const inspector = started();
  partsOf(sweeper)?.engine.inspect(inspector, () => template.render({ row: { id: 1 }, value: long, others }));
  const about = { target: '/', time: 0, status: 200, stripRefused: undefined, marks: undefined };
  const page = new PageReport(inspector, numbered(inspector.uses).all, { ...about, milliseconds: 0 });
  expect(page.size).toBe(page.asJson().length);
  // The models, which invalidate needs; of the names on which the outer one depends, and of values, the beginnings.
  expect(Math.round(page.size / 10_000)).toBe(11);
});

test('of a request that renders without end it keeps a hundred renders', () => {
  const { render } = site();
  const inspector = started();
  for (let i = 0; i < 110; i++) render(inspector);
  expect(inspector.reports.length).toBe(100);
});
