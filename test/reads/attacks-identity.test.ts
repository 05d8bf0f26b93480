import nunjucks from 'nunjucks';
import { describe, test } from 'vitest';
import { Article } from '../support/models.ts';
import { kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

const { SafeString } = (nunjucks as unknown as { runtime: { SafeString: new (text: string) => object } }).runtime;

/** Nothing of the model changes: only which of its rows the page hands over. */
const below: Record<string, string> = {
  'a loop': '{% for t in a.tabs %}{{ t.n }}{{ "*" if t === tab }}{% endfor %}',
  'a member': '{{ "y" if a.tabs[0] == tab else "n" }}',
  in: '{{ "y" if tab in a.tabs else "n" }}',
  sameas: '{{ "y" if a.tabs[0] is sameas(tab) else "n" }}',
};
const page = (i: number) => () => {
  const tabs = [{ n: 'x' }, { n: 'y' }, { n: 'z' }];
  const shown = tabs.slice(0, 2);
  return { a: Object.assign(new Article(1), { tabs: shown }), tab: tabs[i] };
};
const pairs: Record<string, () => unknown> = {
  symbols: () => Symbol('x'),
  'html that is marked safe': () => new SafeString('x'),
};

describe.each(kinds)('identity, in %s', (kind) => {
  test.each(Object.entries(below))('of a row below the model and one of the page: %s', async (_what, body) => {
    const site = new Site(T(body), kind);
    for (const i of [0, 1, 2, 0]) await site.show(page(i));
  });
  test.each(Object.entries(pairs))('of two %s', async (_what, make) => {
    const site = new Site(T('{{ s == t }}'), kind);
    for (const isOne of [true, false, true]) {
      await site.show(() => {
        const s = make();
        return { a: new Article(1), s, t: isOne ? s : make() };
      });
    }
  });
  test('of what a helper gives, set for the page behind', async () => {
    const list = [{ t: 1 }];
    const helpers = (env: nunjucks.Environment) => void env.addGlobal('options', () => list);
    const site = new Site(`${T('{% set s = options() %}')}{{ s === options() }}`, kind, { helpers });
    for (let i = 0; i < 2; i++) await site.show(() => ({ a: new Article(1) }));
  });
});
