import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sized } from '../support/long.ts';
import { Article, Comment } from '../support/models.ts';
import { fragment, Site } from './site.ts';

const tag = fragment('comment 0', '"body"', '{{ comment.text }}');
const nested = fragment('article 0', '"outer"', `{{ article.title }}${tag}`);
const comment = new Comment(1);
const article = new Article(1);
/** Rows as they are read at some time: what is below the models of a tag is their tokens' to tell. */
const rows = (text: string) => ({ article: new Article(1, text), comment: new Comment(1, text) });

describe('data read before a bump and stored after it', () => {
  test('is served no longer than maxDataAge after the bump', async () => {
    const site = new Site(tag);
    const bumped = site.now;
    await site.sweeper.invalidateCacheFor(comment);
    site.now = bumped + 1_000;
    await site.render(rows('old'));
    site.now = bumped + 2_999;
    expect((await site.render(rows('new'))).html).toBe('old');
    site.now = bumped + 3_000;
    expect((await site.render(rows('new'))).html).toBe('new');
  });

  test('counts from the last bump of anything it was made from', async () => {
    const site = new Site(nested);
    const bumped = site.now;
    await site.sweeper.invalidateCacheFor(article);
    site.now = bumped + 2_000;
    await site.sweeper.invalidateCacheFor(comment);
    site.now = bumped + 2_500;
    await site.render(rows('old'));
    site.now = bumped + 4_999;
    expect((await site.render(rows('new'))).html).toBe('oldold');
    site.now = bumped + 5_000;
    expect((await site.render(rows('new'))).html).toBe('newnew');
  });

  test('that can no longer be served is not stored, and reported', async () => {
    const site = new Site(tag);
    await site.sweeper.invalidateCacheFor(comment);
    site.now += 3_000;
    await site.render(rows('x'));
    expect(site.outcomes).toEqual(['expired']);
    expect(site.sweeper.stats().memory.entries).toBe(0);
  });

  test.each<[string, number]>([
    ['1s', 1_000],
    ['10s', 10_000],
  ])('with maxDataAge %s', async (maxDataAge, age) => {
    const site = new Site(tag, { maxDataAge });
    const bumped = site.now;
    await site.sweeper.invalidateCacheFor(comment);
    site.now = bumped + age - 1;
    await site.render(rows('old'));
    expect((await site.render(rows('new'))).html).toBe('old');
    site.now = bumped + age;
    expect((await site.render(rows('new'))).html).toBe('new');
  });

  test.each<[string, (site: Site) => Promise<void>]>([
    ['its class', (site) => site.sweeper.invalidateCacheFor(Comment)],
    ['everything', (site) => site.sweeper.invalidateAll()],
  ])('counts from a bump of %s as well', async (_title, bump) => {
    const site = new Site(tag);
    const bumped = site.now;
    await bump(site);
    await site.render(rows('old'));
    site.now = bumped + 3_000;
    expect((await site.render(rows('new'))).html).toBe('new');
  });

  test('is short-lived in the fragments around it too', async () => {
    const site = new Site(fragment('"Site" 0', '"1"', fragment('article 0', '"2"', `{{ article.title }}${tag}`)));
    const bumped = site.now;
    await site.sweeper.invalidateCacheFor(comment);
    await site.render(rows('a'));
    site.now = bumped + 2_999;
    expect((await site.render(rows('b'))).html).toBe('aa');
    site.now = bumped + 3_000;
    expect((await site.render(rows('b'))).html).toBe('bb');
  });

  test('is short-lived in a fragment around it that was made of a hit, by a request that began later', async () => {
    const site = new Site({
      'page.njk': tag,
      'around.njk': fragment('article 0', '"outer"', '{% include "page.njk" %}'),
    });
    const bumped = site.now;
    await site.sweeper.invalidateCacheFor(comment);
    await site.render(rows('old'));
    site.now = bumped + 2_500;
    expect((await site.renderSince(site.now, rows('new'), 'around.njk')).html).toBe('old');
    site.now = bumped + 3_000;
    expect((await site.render(rows('new'), 'around.njk')).html).toBe('new');
  });
});

describe('data read after the bump', () => {
  test('is stored for good, once maxDataAge and a second have passed', async () => {
    const site = new Site(tag);
    await site.sweeper.invalidateCacheFor(comment);
    site.now += 4_001;
    await site.render(rows('x'));
    expect(site.outcomes).toEqual(['miss']);
    site.now += 365 * 86_400_000;
    expect((await site.render({ comment })).ran).toEqual([]);
  });

  test('is stored for good when the request began a second after the bump', async () => {
    const site = new Site(tag);
    await site.sweeper.invalidateCacheFor(comment);
    site.now += 1_001;
    await site.renderSince(site.now, rows('x'));
    site.now += 365 * 86_400_000;
    expect((await site.render({ comment })).ran).toEqual([]);
  });

  test('at the very moment of the bump may have come before it: it is short-lived', async () => {
    const site = new Site(tag);
    const bumped = site.now;
    await site.sweeper.invalidateCacheFor(comment);
    site.now = bumped + 1_000;
    await site.renderSince(bumped, rows('x'));
    site.now = bumped + 3_000;
    expect((await site.render({ comment })).ran).toEqual(['body']);
  });

  test('of what was never bumped is stored for good, however old it is', async () => {
    const site = new Site(tag);
    await site.sweeper.invalidateCacheFor(article);
    await site.renderSince(site.now - 86_400_000, rows('x'));
    site.now += 365 * 86_400_000;
    expect((await site.render({ comment })).ran).toEqual([]);
  });
});

describe('a request that began before the bump', () => {
  test('is known to have old data, however long it took', async () => {
    const site = new Site(tag);
    const began = site.now;
    site.now += 60_000;
    await site.sweeper.invalidateCacheFor(comment);
    site.now += 60_000;
    await site.renderSince(began, rows('old'));
    expect(site.outcomes).toEqual(['expired']);
    expect((await site.render(rows('new'))).html).toBe('new');
  });

  test.each([Number.NaN, 'yesterday', new Date(Number.NaN)])(
    'with since=%o is refused, or at least not trusted',
    async (since) => {
      const site = new Site(tag);
      const bumped = site.now;
      await site.sweeper.invalidateCacheFor(comment);
      await site.renderSince(since as number, rows('old')).catch(() => undefined);
      site.now = bumped + 4_000;
      expect((await site.render(rows('new'))).html).toBe('new');
    },
  );
});

describe('a provisional entry', () => {
  /** A page that waits in the middle, until `go` is called. */
  const waiting = () => {
    let go = () => {};
    const env = (site: Site) =>
      site.env.addFilter(
        'hold',
        (value: unknown, done: (error: null, value: unknown) => void) => {
          go = () => done(null, value);
        },
        true,
      );
    return { env, go: () => go() };
  };

  test('never replaces a valid one', async () => {
    const site = new Site({ 'page.njk': `{% include "leaf.njk" %}{{ "" | hold }}`, 'leaf.njk': tag });
    const held = waiting();
    held.env(site);
    await site.sweeper.invalidateCacheFor(comment);
    site.now += 1_500;
    // Two requests miss; the one that began before the bump is stored last.
    const slow = site.renderSince(site.now - 2_000, rows('old'));
    const fast = site.renderSince(site.now, rows('new'), 'leaf.njk');
    await fast;
    held.go();
    await slow;
    expect(site.sweeper.stats().memory.entries).toBe(1);
    expect((await site.render({ comment }, 'leaf.njk')).html).toBe('new');
    site.now += 60_000;
    expect((await site.render({ comment }, 'leaf.njk')).html).toBe('new');
  });

  test('makes what is around it provisional too: that never replaces a valid one either', async () => {
    const site = new Site({
      'page.njk': '{% include "outer.njk" %}{{ "" | hold }}',
      'outer.njk': fragment(
        'article 0',
        '"outer"',
        '{% if article.title == "full" %}{% include "leaf.njk" %}{% else %}short{% endif %}',
      ),
      'leaf.njk': tag,
    });
    const held = waiting();
    held.env(site);
    await site.sweeper.invalidateCacheFor(comment);
    await site.render(rows('old'), 'leaf.njk');
    site.now += 1_500;
    // This request began after the bump, and shows the provisional fragment.
    const slow = site.renderSince(site.now, { article: new Article(1, 'full'), comment });
    await site.renderSince(site.now, { article: new Article(1, 'short'), comment }, 'outer.njk');
    held.go();
    expect((await slow).html).toBe('old');
    expect((await site.render({ article, comment }, 'outer.njk')).html).toBe('short');
  });

  test('gives way to one that is stored for good', async () => {
    const site = new Site({ 'page.njk': `{% include "leaf.njk" %}{{ "" | hold }}`, 'leaf.njk': tag });
    const held = waiting();
    held.env(site);
    await site.sweeper.invalidateCacheFor(comment);
    site.now += 1_500;
    const fresh = site.renderSince(site.now, rows('new'));
    await site.renderSince(site.now - 2_000, rows('old'), 'leaf.njk');
    held.go();
    await fresh;
    site.now += 60_000;
    expect(await site.render({ comment }, 'leaf.njk')).toEqual({ html: 'new', ran: [] });
  });

  test('that was invalidated does not stop a later one', async () => {
    const site = new Site(tag);
    await site.sweeper.invalidateCacheFor(comment);
    await site.render(rows('1'));
    await site.sweeper.invalidateCacheFor(comment);
    await site.render(rows('2'));
    expect(await site.render(rows('3'))).toEqual({ html: '2', ran: [] });
  });
});

describe('promise 2', () => {
  const CLOCK_SKEW = 1_000;
  const AGE = 3_000;
  type Event = {
    readonly kind: 'write' | 'page' | 'leaf';
    readonly wait: number;
    readonly age: number;
    readonly known: boolean;
  };
  const events: fc.Arbitrary<Event[]> = fc.array(
    fc.record({
      kind: fc.constantFrom('write', 'page', 'leaf'),
      wait: fc.oneof(fc.nat(1_500), fc.constantFrom(0, 999, 1_000, 1_001, 2_999, 3_000, 4_000, 20_000)),
      age: fc.oneof(fc.nat(AGE), fc.constantFrom(0, AGE)),
      known: fc.boolean(),
    }),
    { maxLength: 40 },
  );

  test('holds for any order of reads, writes and renders: what a hit shows is at most so old', async () => {
    const outer = fragment('article 0', '"outer"', '[{{ article.title }}{% include "leaf.njk" %}]');
    const leaf = fragment('comment 0', '"leaf"', '({{ comment.text }})');
    await fc.assert(
      fc.asyncProperty(events, async (all) => {
        const site = new Site({ 'page.njk': outer, 'leaf.njk': leaf });
        /** When each version of the comment was written; the first was always there. */
        const written = [Number.NEGATIVE_INFINITY];
        const versionAt = (time: number) => written.findLastIndex((at) => at <= time);
        for (const { kind, wait, age, known } of all) {
          site.now += wait;
          if (kind === 'write') {
            written.push(site.now);
            await site.sweeper.invalidateCacheFor(comment);
            continue;
          }
          const read = site.now - age;
          // A read at the moment of a write may have come before it.
          const version = versionAt(read - 1);
          const page = rows(String(version));
          const { html, ran } = known
            ? await site.renderSince(read, page, `${kind}.njk`)
            : await site.render(page, `${kind}.njk`);
          const [shown, inner] = kind === 'leaf' ? [undefined, html] : [html.slice(1, html.indexOf('(')), html];
          const current = written.length - 1;
          const last = written[current] as number;
          const late = site.now > last + AGE + CLOCK_SKEW;
          const innerVersion = Number(/\((\d+)\)/.exec(inner)?.[1]);
          if (!ran.includes('leaf') && late) expect(innerVersion).toBe(current);
          if (shown !== undefined && !ran.includes('outer') && late) expect(Number(shown)).toBe(current);
        }
      }),
      { numRuns: sized(60, 300, 300) },
    );
  });
});
