import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { type CacheSweeperOptions, lazy } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import { Article, Comment } from '../support/models.ts';
import { gate, SETTLED, Site, siteWithStore } from './support.ts';

const templates = {
  'page.njk':
    '{{ mark() }}{% cachesweeper article 500 %}<{{ article.title }}>{% endcachesweeper %}' +
    '{% cachesweeper comment 0 %}({{ comment.text }}){% endcachesweeper %}',
};

/** A page that was rendered so often that nothing on it is waited for, and whose store answers when it is told to. */
async function warmed(
  sources: Record<string, string> = templates,
  more: object = {},
  { prepare, ...options }: CacheSweeperOptions & { readonly prepare?: (site: Site) => void } = {},
) {
  const all = siteWithStore(sources, options);
  prepare?.(all.site);
  const other = new Site(sources, { store: all.store, now: all.clock.now, ...options });
  let passes = 0;
  const context = {
    article: new Article(1, 'A'),
    comment: new Comment(7, 'c'),
    mark: () => {
      passes++;
      return '';
    },
    ...more,
  };
  const answers = all.store.getMany.bind(all.store);
  for (let i = 0; i < 4; i++) {
    await all.site.page(context);
    all.clock.advance(SETTLED);
  }
  /** Renders the page; what it did before the store answered, and what came of it then. */
  const held = async (meanwhile: () => unknown = () => {}) => {
    const door = gate();
    let isDelivered = false;
    passes = 0;
    all.store.getMany = async (...call) => {
      const answer = answers(...call);
      await door.promise;
      return answer;
    };
    const page = all.site.sweeper.render(all.site.env, 'page.njk', context).finally(() => {
      isDelivered = true;
    });
    await turn();
    await turn();
    const before = { passes, isDelivered };
    all.store.getMany = answers;
    await meanwhile();
    door.open();
    const html = await page;
    await all.site.sweeper.idle();
    return { before, html, passes: all.site.report.passes, roundTrips: all.site.report.roundTrips };
  };
  return { ...all, other, context, held };
}

const RAN = { passes: 1, isDelivered: false };
const WAITED = { passes: 0, isDelivered: false };

describe('a warm page with a memory tier', () => {
  test('runs while its tokens are on their way, and is delivered when they are there', async () => {
    const { held } = await warmed();
    expect(await held()).toEqual({ before: RAN, html: '<A>(c)', passes: 1, roundTrips: 1 });
  });

  test('runs again when a token turns out to be another: what it showed counts for nothing', async () => {
    const { held, other, context } = await warmed();
    context.comment.text = 'new';
    await other.sweeper.invalidateCacheFor(context.comment);
    expect(await held()).toMatchObject({ before: RAN, html: '<A>(new)' });
  });

  test('waits after a page on which something was rendered, and no longer after one that showed entries only', async () => {
    const { held, other, context, clock } = await warmed();
    await other.sweeper.invalidateCacheFor(context.comment);
    clock.advance(SETTLED);
    await held();
    expect(await held()).toEqual({ before: WAITED, html: '<A>(c)', passes: 1, roundTrips: 1 });
    expect(await held()).toEqual({ before: RAN, html: '<A>(c)', passes: 1, roundTrips: 1 });
  });

  test('is rendered uncached when a token cannot be read', async () => {
    const { held, store, context } = await warmed();
    context.article.title = 'B';
    store.script = ({ method }) => (method === 'getMany' ? { outcome: 'unknown' } : undefined);
    expect(await held()).toMatchObject({ before: RAN, html: '<B>(c)' });
  });

  test('does not show an entry that expired while its tokens were on their way', async () => {
    const { held, clock, context } = await warmed();
    context.article.title = 'B';
    context.comment.text = 'never expires';
    const page = await held(() => clock.advance(500_000));
    expect(page).toMatchObject({ before: RAN, html: '<B>(c)' });
  });

  test('does not wait for a prediction: what it did not foresee it asks for at the end of the pass', async () => {
    const { held, context } = await warmed();
    // Its title as it is on other pages: the memory tier has it, and this page never asked for it.
    const article = new Article(2, 'Other');
    await held();
    context.article = article;
    await held();
    expect(await held()).toMatchObject({ html: '<Other>(c)' });
  });

  test('shows entries inside a body that is not cached as well', async () => {
    const { held } = await warmed({
      'page.njk': `{% cachesweeper "Page" 0 when=false %}${templates['page.njk']}{% endcachesweeper %}`,
    });
    expect(await held()).toEqual({ before: RAN, html: '<A>(c)', passes: 1, roundTrips: 1 });
  });

  test('counts its fragments once, as hits', async () => {
    const { held, site } = await warmed();
    const hits = () => site.sweeper.stats().tags.reduce((sum, tag) => sum + tag.hits, 0);
    const before = hits();
    await held();
    expect(site.outcomes).toEqual(['hit', 'hit']);
    expect(hits()).toBe(before + 2);
  });
});

describe('an answer that comes in the middle of a pass', () => {
  /** A page that stops at an asynchronous filter, until the store has answered. */
  async function stopping(
    source: string,
    more: object = {},
    options: CacheSweeperOptions = {},
    others: Record<string, string> = {},
  ) {
    let stop = gate();
    let isStopping = false;
    const slow = (word: string, done: (error: null, word: string) => void) => {
      if (!isStopping) return done(null, word);
      void stop.promise.then(() => done(null, word));
    };
    const prepare = ({ env }: Site) => void env.addFilter('slow', slow as never, true);
    const all = await warmed({ 'page.njk': source, ...others }, { word: 'w', ...more }, { prepare, ...options });
    const answers = all.store.getMany.bind(all.store);
    const page = async () => {
      stop = gate();
      isStopping = true;
      all.store.getMany = async (...call) => {
        const answer = await answers(...call);
        // By then the page has begun.
        for (let i = 0; i < 3; i++) await turn();
        return answer;
      };
      const html = all.site.sweeper.render(all.site.env, 'page.njk', all.context);
      for (let i = 0; i < 10; i++) await turn();
      all.store.getMany = answers;
      isStopping = false;
      stop.open();
      return html;
    };
    return { ...all, page };
  }
  const article = '{% cachesweeper article 500 %}<{{ article.title }}>{% endcachesweeper %}';

  test('judges what was shown before it', async () => {
    const source = `${article}{{ word | slow }}{% cachesweeper comment 500 %}({{ comment.text }}){% endcachesweeper %}`;
    const { page, other, context } = await stopping(source);
    context.article.title = 'B';
    await other.sweeper.invalidateCacheFor(context.article);
    expect(await page()).toBe('<B>w(c)');
  });

  test('fills what was left out before it', async () => {
    const others = '{% for c in many %}{% cachesweeper c 500 %}{{ c.text }}{% endcachesweeper %}{% endfor %}';
    const memory = { maxBytes: 8_192 };
    const { page, site, context } = await stopping(
      `${article}{{ word | slow }}`,
      {},
      { memory },
      { 'others.njk': others },
    );
    // The article was in the memory tier, so its entry is not asked for; now other pages have pushed it out.
    await site.page({ many: Array.from({ length: 20 }, (_, i) => new Comment(i, 'x'.repeat(1_000))) }, 'others.njk');
    expect(await page()).toBe('<A>w');
    expect(site.report).toMatchObject({ passes: 3, roundTrips: 2 });
    expect(context.article.title).toBe('A');
  });
});

describe('what is captured before an answer that comes in the middle of a pass', () => {
  const slow = (site: Site) =>
    void site.env.addFilter(
      'slow',
      ((value: unknown, done: (error: null, value: unknown) => void) =>
        setTimeout(() => done(null, value), 20)) as never,
      true,
    );
  const boxed = (article: string) =>
    '{% set box %}{% cachesweeper comment TTL %}<b>{{ comment.text }}</b>{% endcachesweeper %}{% endset %}'.replace(
      'TTL',
      article,
    );
  const lazily = () => lazy(async () => 'L');

  test('is not kept inside another fragment when it was stale: everything was invalidated', async () => {
    const source = `${boxed('0')}{{ "x" | slow }}{% cachesweeper article 0 %}[{{ box | safe }}{{ long }}]{% endcachesweeper %}{{ l() }}`;
    const options = { memory: { maxBytes: 20_000 } };
    const { site, store, clock } = siteWithStore({ 'page.njk': source }, options);
    const other = new Site({ 'page.njk': source }, { store, now: clock.now, ...options });
    for (const each of [site, other]) slow(each);
    const comment = new Comment(7, 'old');
    const long = '.'.repeat(6_000);
    const page = async (at: Site) => {
      const html = await at.page({ article: new Article(1, 'A'), comment, long, l: lazily() });
      clock.advance(SETTLED);
      return html.replace(/\.+/, '');
    };
    await page(other);
    for (let i = 0; i < 3; i++) expect(await page(site)).toBe('x[<b>old</b>]L');
    comment.text = 'new';
    await other.sweeper.invalidateAll();
    for (let i = 0; i < 3; i++) expect(await page(site)).toBe('x[<b>new</b>]L');
  });

  test('is not kept inside another fragment when it was left out', async () => {
    const source = `${boxed('60')}{{ "x" | slow }}{% cachesweeper article 0 %}[{{ box | safe }}]{% endcachesweeper %}{{ l() }}`;
    const { site, clock } = siteWithStore({ 'page.njk': source }, { memory: false });
    slow(site);
    for (let i = 0; i < 4; i++) {
      clock.advance(SETTLED);
      const context = { article: new Article(1), comment: new Comment(7, 'c'), l: lazily() };
      expect(await site.page(context)).toBe('x[<b>c</b>]L');
    }
  });

  test('is not kept inside another fragment when its tokens were bumped, and lost', async () => {
    const source = `${boxed('0 "a"')}{{ "x" | slow }}{% cachesweeper comment 0 "b" %}[{{ box | safe }}]{% endcachesweeper %}`;
    const { site, store, clock } = siteWithStore({ 'page.njk': source });
    const other = new Site({ 'page.njk': source }, { store, now: clock.now });
    for (const each of [site, other]) slow(each);
    const comment = new Comment(7, 'old');
    for (let i = 0; i < 3; i++) {
      clock.advance(SETTLED);
      await site.page({ comment });
    }
    comment.text = 'new';
    await other.sweeper.invalidateCacheFor(comment);
    clock.advance(SETTLED);
    store.evict('token');
    clock.advance(SETTLED);
    expect(await site.page({ comment })).toBe('x[<b>new</b>]');
  });
});

test('a key function that looks at more than its parts is asked each time', async () => {
  const tenant = new AsyncLocalStorage<string>();
  const { site, clock } = siteWithStore(
    { 'page.njk': '{% cachesweeper article 0 %}{{ article.title }} for {{ who }}{% endcachesweeper %}' },
    {
      memory: false,
      key: ({ template, models }) => `${tenant.getStore()}/${template}/${models.map((m) => m.name + m.token)}`,
    },
  );
  const page = (who: string) => tenant.run(who, () => site.page({ article: new Article(1, 'A'), who }));
  for (let i = 0; i < 3; i++) {
    for (const who of ['ann', 'bob']) {
      clock.advance(SETTLED);
      expect(await page(who)).toBe(`A for ${who}`);
    }
  }
});

test('a warm page that fails, with all it showed valid, is not run again', async () => {
  let runs = 0;
  const source =
    '{% if isBad %}{{ boom() }}{% endif %}{% cachesweeper article 0 %}{{ article.title }}{% endcachesweeper %}';
  const { site, clock } = siteWithStore({ 'page.njk': source });
  const boom = () => {
    runs++;
    throw new Error('boom');
  };
  const context = { article: new Article(1, 'A'), boom };
  for (let i = 0; i < 3; i++) {
    clock.advance(SETTLED);
    await site.page(context);
  }
  await expect(site.page({ ...context, isBad: true })).rejects.toThrow('boom');
  expect(runs).toBe(1);
});

describe('a callback that throws', () => {
  test.each(['cold', 'warm'] as const)('is called once, as by Nunjucks alone: %s page', async (state) => {
    const { site } = state === 'warm' ? await warmed() : siteWithStore(templates);
    const context = { article: new Article(1, 'A'), comment: new Comment(7, 'c'), mark: () => '' };
    const thrown = new Error('thrown by the callback');
    const uncaught: unknown[] = [];
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error));
    try {
      let calls = 0;
      site.env.render('page.njk', context, () => {
        calls++;
        throw thrown;
      });
      await expect.poll(() => uncaught).toEqual([thrown]);
      await site.sweeper.idle();
      expect(calls).toBe(1);
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of others) process.on('uncaughtException', listener);
    }
  });
});
