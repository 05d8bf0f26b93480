import { describe, expect, test } from 'vitest';
import { Article, Comment } from '../support/models.ts';
import { fragment, Site } from './site.ts';

const tag = fragment('comment 0', '"body"', '{{ comment.text }}');

describe('the memory of a sweeper', () => {
  test.each(['x', '漢', `${'x'.repeat(99)}—`])('stays within maxBytes however much is rendered: %s', async (text) => {
    const site = new Site(tag, { memory: { maxBytes: 50_000 } });
    const html = text.repeat(Math.ceil(1_000 / text.length));
    for (let id = 0; id < 500; id++) {
      await site.render({ comment: new Comment(id, html) });
      expect(site.sweeper.stats().memory.bytes).toBeLessThanOrEqual(50_000);
    }
    const { entries } = site.sweeper.stats().memory;
    expect(entries).toBeGreaterThan(5);
    expect(entries * html.length * (/^[\0-\xff]*$/.test(html) ? 1 : 2)).toBeLessThanOrEqual(50_000);
  });

  test('keeps no fragment over a quarter of it, says so, and loses nothing for it', async () => {
    const site = new Site(tag, { memory: { maxBytes: 50_000 } });
    const small = new Comment(1, 'small');
    const large = new Comment(2, 'x'.repeat(20_000));
    await site.render({ comment: small });
    for (let i = 0; i < 2; i++) {
      expect((await site.render({ comment: large })).ran).toEqual(['body']);
      expect(site.outcomes).toEqual(['too large']);
    }
    expect((await site.render({ comment: small })).ran).toEqual([]);
  });

  test('holds the small fragments inside one that is too large', async () => {
    const site = new Site(
      fragment('article 0', '"outer"', `${'x'.repeat(20_000)}${fragment('comment 0', '"inner"')}`),
      {
        memory: { maxBytes: 50_000 },
      },
    );
    const page = { article: new Article(1), comment: new Comment(1) };
    await site.render(page);
    expect(site.outcomes).toEqual(['miss', 'too large']);
    expect((await site.render(page)).ran).toEqual(['outer']);
  });

  test('keeps what is used', async () => {
    const site = new Site(tag, { memory: { maxBytes: 20_000 } });
    const used = new Comment(0, 'used');
    await site.render({ comment: used });
    for (let id = 1; id < 200; id++) {
      await site.render({ comment: new Comment(id) });
      expect((await site.render({ comment: used })).ran).toEqual([]);
    }
    expect((await site.render({ comment: new Comment(1) })).ran).toEqual(['body']);
  });

  test('needs no timer that would keep the process alive', () => {
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind !== 'TickObject').length;
    const before = timers();
    const site = new Site(fragment('comment 500', '"body"'));
    site.env.render('page.njk', { comment: new Comment(1) });
    void site.sweeper.invalidateAll();
    site.env.render('page.njk', { comment: new Comment(1) });
    expect(site.outcomes).toEqual(['miss']);
    expect(timers()).toBe(before);
  });
});

describe('when more names are bumped than tokens are kept', () => {
  test('nothing made before the bump of what it shows is served, and everything can be cached again', async () => {
    const site = new Site({
      'page.njk': fragment('comment 0', '"body"', '{{ comment.text }}'),
      'other.njk': fragment('"Never" 0', '"never"'),
    });
    const comment = new Comment(1, 'old');
    await site.render({ comment });
    await site.render({}, 'other.njk');
    comment.text = 'new';
    await site.sweeper.invalidateCacheFor(comment);
    // The comment's token is dropped while these are written.
    await site.sweeper.invalidateCacheFor(Array.from({ length: 120_000 }, (_, i) => `Type${i}`));
    expect(site.sweeper.stats().tokens).toBeLessThanOrEqual(100_000);
    site.settle();
    expect((await site.render({ comment })).html).toBe('new');
    expect((await site.render({}, 'other.njk')).ran).toEqual(['never']);
    expect((await site.render({ comment })).ran).toEqual([]);
    expect((await site.render({}, 'other.njk')).ran).toEqual([]);
  });
});
