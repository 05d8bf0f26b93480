import nunjucks from 'nunjucks';
import { describe, test } from 'vitest';
import { Article } from '../support/models.ts';
import { kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

const { SafeString } = (nunjucks as unknown as { runtime: { SafeString: new (text: string) => object } }).runtime;
const safe = () => new SafeString('<b>');
const boxed = () => new String('<b>');

describe.each(kinds)('a string object is escaped, html that is marked safe is not, in %s', (kind) => {
  test.each([
    ['safe first', [safe, boxed]],
    ['string object first', [boxed, safe]],
  ])('%s', async (_what, values) => {
    const site = new Site(T('{{ h }}'), kind);
    for (const make of values) await site.show(() => ({ a: new Article(1), h: make() }));
  });
  test('set for the page behind', async () => {
    const helpers = (env: nunjucks.Environment) => void env.addFilter('boxed', boxed);
    const site = new Site(`${T('{% set x = 1 | boxed %}')}{{ x }}`, kind, { helpers });
    for (let i = 0; i < 2; i++) await site.show(() => ({ a: new Article(1) }));
  });
});
