import { setImmediate as turn } from 'node:timers/promises';
import type { CacheSweeperOptions } from 'nunjucks-cachesweeper';
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
    return { before, html, passes: all.site.report.passes, waves: all.site.report.waves };
  };
  return { ...all, other, context, held };
}

const RAN = { passes: 1, isDelivered: false };
const WAITED = { passes: 0, isDelivered: false };

describe('a warm page with a memory tier', () => {
  test('runs while its tokens are on their way, and is delivered when they are there', async () => {
    const { held } = await warmed();
    expect(await held()).toEqual({ before: RAN, html: '<A>(c)', passes: 1, waves: 1 });
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
    expect(await held()).toEqual({ before: WAITED, html: '<A>(c)', passes: 1, waves: 1 });
    expect(await held()).toEqual({ before: RAN, html: '<A>(c)', passes: 1, waves: 1 });
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
    expect(await held()).toEqual({ before: RAN, html: '<A>(c)', passes: 1, waves: 1 });
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
    const page = async () => {
      stop = gate();
      isStopping = true;
      const html = all.site.sweeper.render(all.site.env, 'page.njk', all.context);
      for (let i = 0; i < 10; i++) await turn();
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
    expect(site.report).toMatchObject({ passes: 3, waves: 2 });
    expect(context.article.title).toBe('A');
  });
});

describe('a callback that throws', () => {
  const failing = async (render: (done: (error: unknown, html?: string) => void) => void) => {
    const calls: unknown[] = [];
    render((error, html) => {
      calls.push(error === null ? html : error);
      if (calls.length === 1) throw new Error('thrown by the callback');
    });
    await expect.poll(() => calls.length).toBe(2);
    return calls;
  };

  test.each(['cold', 'warm'] as const)(
    'is called again with its error, as by Nunjucks alone: %s page',
    async (state) => {
      const { site, store, clock } = siteWithStore(templates);
      const all = state === 'warm' ? await warmed() : { site, store, clock };
      const context = { article: new Article(1, 'A'), comment: new Comment(7, 'c'), mark: () => '' };
      const calls = await failing((done) => all.site.env.render('page.njk', context, done as never));
      expect(calls).toEqual(['<A>(c)', expect.objectContaining({ message: expect.stringContaining('thrown by') })]);
    },
  );
});
