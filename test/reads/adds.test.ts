import { describe, expect, test } from 'vitest';
import { Article } from '../support/models.ts';
import { kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

/** As dates of libraries are: `add` makes another one. */
class Day {
  readonly n: number;
  constructor(n: number) {
    this.n = n;
  }
  add(days: number): Day {
    return new Day(this.n + days);
  }
  toString(): string {
    return `day ${this.n}`;
  }
}

describe.each(kinds)('methods called `add` and `set`, in %s', (kind) => {
  test('of a date that stays what it is are stored', async () => {
    const site = new Site(T('{{ day.add(1) }}'), kind);
    for (const n of [1, 1, 1]) await site.show(() => ({ a: new Article(1), day: new Day(n) }));
    expect(site.outcomes).toEqual(['hit']);
    await site.show(() => ({ a: new Article(1), day: new Day(2) }));
  });

  test.each([
    ['a Set', '{{ seen.add(1).size }}', () => new Set([5])],
    ['a Map', '{{ seen.set(1, 2).size }}', () => new Map([[5, 1]])],
  ])('of %s that they change are seen, and not stored', async (_what, body, make) => {
    const site = new Site(`${T(body)}{{ seen.size }}`, kind);
    for (let i = 0; i < 3; i++)
      expect(await site.show(() => ({ a: new Article(1), seen: make() }))).toEqual(['unseen']);
    expect(site.unseen).toContain('it changes while the body is rendered');
  });
});
