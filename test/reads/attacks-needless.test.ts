import { describe, expect, test } from 'vitest';
import { Article } from '../support/models.ts';
import { F, kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

const a = () => new Article(1);

describe.each(kinds)('30 uses of one tag on one page, in %s', (kind) => {
  test('are not 20 renders: a loop variable does not change always', async () => {
    const site = new Site(`{% for t in tags %}${F('a', '{{ t }}')}{% endfor %}`, kind);
    const tags = Array.from({ length: 30 }, (_, i) => `t${i}`);
    const outcomes = await site.show(() => ({ a: a(), tags }));
    expect(outcomes.filter((outcome) => outcome !== 'miss')).toEqual([]);
  });

  test('the fragment around them is stored', async () => {
    const body = `{% for t in tags %}${F('a', '{{ t }}')}{% endfor %}`;
    const site = new Site(F('a', body), kind);
    const tags = Array.from({ length: 30 }, (_, i) => `t${i}`);
    const around: (string | undefined)[] = [];
    for (let i = 0; i < 4; i++) around.push((await site.show(() => ({ a: a(), tags }))).at(-1));
    expect(around).toEqual(['miss', 'hit', 'hit', 'hit']);
  });
});

describe('the record of a tag in a store', () => {
  test.each([40, 100])(
    '%i members of an object, each read by its own body, do not make all of it a part of the key',
    async (many) => {
      const site = new Site(T('{{ o[k] }}'), 'a store');
      const members = Object.fromEntries(Array.from({ length: many }, (_, i) => [`k${i}`, `v${i}`]));
      const page = (id: number, request: number, k: string) => () => ({
        a: new Article(id),
        o: { request, ...members },
        k,
      });
      for (let i = 0; i < many; i++) await site.show(page(100 + i, i, `k${i}`));
      await site.show(page(1, 1_000, 'k1'));
      expect(await site.show(page(1, 1_001, 'k1'))).toEqual(['hit']);
    },
  );
});
