import { describe, test } from 'vitest';
import { Article } from '../support/models.ts';
import { kinds, Site, T } from './support.ts';

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
