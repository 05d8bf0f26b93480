import type nunjucks from 'nunjucks';
import { describe, test } from 'vitest';
import { Article } from '../support/models.ts';
import { kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

/** Labels of the site, with those of a visitor in front. */
const labelsWith = (own: Record<string, string>) =>
  new Proxy<Record<string, string>>({ title: 'Hi' }, { get: (all, key) => own[key as string] ?? all[key as string] });

describe.each(kinds)('a proxy that gives the data of its target until it does not, in %s', (kind) => {
  test.each(['{{ labels.title }}', '{{ labels["title"] }}'])('%s', async (body) => {
    const site = new Site(T(body), kind);
    for (const own of [{}, {}, { title: 'Hallo' }])
      await site.show(() => ({ a: new Article(1), labels: labelsWith(own) }));
  });
});

/** Texts that fall back to those of a proxy which they inherit from, directly or by their class. */
const inheriting: readonly (readonly [string, (own: Record<string, string>) => object])[] = [
  ['an object', (own) => Object.create(labelsWith(own))],
  ['an object of an object', (own) => Object.create(Object.create(labelsWith(own)))],
];

describe.each(kinds)('a proxy that %s inherits from gives another value, in a page', (kind) => {
  test.each(inheriting)('%s', async (_name, made) => {
    const site = new Site(T('{{ labels.other }}'), kind);
    for (const own of [{}, {}, { other: 'Hallo' }, {}])
      await site.show(() => ({ a: new Article(1), labels: made(own) }));
  });

  test('an instance that a filter receives', async () => {
    let other = 'Hi';
    class Labels {
      readonly language = 'en';
    }
    Object.setPrototypeOf(
      Labels.prototype,
      new Proxy({}, { get: (_all, key) => (key === 'other' ? other : undefined) }),
    );
    const helpers = (env: nunjucks.Environment) =>
      void env.addFilter('other', (labels: { readonly other: string }) => labels.other);
    const site = new Site(T('{{ labels | other }}'), kind, { helpers });
    for (other of ['Hi', 'Hi', 'Hallo']) await site.show(() => ({ a: new Article(1), labels: new Labels() }));
  });
});
