import type { Environment } from 'nunjucks';
import { describe, expect, test } from 'vitest';
import { kindsFor, Site, T } from '../reads/support.ts';

const kinds = kindsFor(import.meta.url);

const page = () => ({ a: { cacheIdentity: { type: 'A', id: 1 } } });
const orElse = (show: () => unknown, other: unknown) => {
  try {
    return show();
  } catch {
    return other;
  }
};

/** Helpers that do without a template that is not there. */
const helpers: Record<string, (env: Environment) => unknown> = {
  'renders it': (env) => env.addGlobal('part', (name: string) => orElse(() => env.render(name, {}), 'none')),
  'gets it and renders it': (env) =>
    env.addGlobal('part', (name: string) => orElse(() => env.getTemplate(name).render({}), 'none')),
  'renders it in the page’s environment': (env) =>
    env.addGlobal('part', function (this: { env: Environment }, name: string) {
      return orElse(() => this.env.render(name, {}), 'none');
    }),
  'only looks whether it is there': (env) =>
    env.addGlobal('part', (name: string) => orElse(() => env.getTemplate(name, true) !== undefined, false)),
};

describe.each(kinds)('a template that a helper can do without, in %s', (kind) => {
  test.each(Object.entries(helpers))('is seen when it comes, and when it goes: a helper that %s', async (_how, add) => {
    const site = new Site({ 'page.njk': T('{{ part("part.njk") }}') }, kind, { edited: true, helpers: add });
    await site.show(page);
    site.templates['part.njk'] = 'PART';
    for (let i = 0; i < 3; i++) await site.show(page);
    expect(site.outcomes).toEqual(['hit']);
    delete site.templates['part.njk'];
    for (let i = 0; i < 3; i++) await site.show(page);
    expect(site.outcomes).toEqual(['hit']);
  });
});
