import { setImmediate as immediate } from 'node:timers/promises';
import { CacheSweeperError, lazy } from 'nunjucks-cachesweeper';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Article } from '../support/models.ts';
import { renderPage } from '../support/render.ts';
import { type Kind, kindsFor, Site, type SiteOptions, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const MINUTE = 60_000;

function siteOf(source: ConstructorParameters<typeof Site>[0], kind: Kind = 'memory', options: SiteOptions = {}): Site {
  return new Site(source, kind, { ...options, sweeper: { verify: 1, ...options.sweeper } });
}

/** Lets the timers run until nothing is verified any more. */
async function verified(site: Site): Promise<void> {
  let isIdle = false;
  const idle = site.sweeper.idle().then(() => {
    isIdle = true;
  });
  while (!isIdle) {
    await immediate();
    vi.advanceTimersByTime(100);
  }
  await idle;
}

/** A page, with all that comes behind it. */
async function show(site: Site, context: object, name = 'page.njk'): Promise<string> {
  const html = await renderPage(site.env, name, context);
  await verified(site);
  return html;
}

/** A page that is stored for good: the names' tokens are made by a first one, and are old when it is rendered. */
async function store(site: Site, context: () => object, name = 'page.njk'): Promise<string> {
  await show(site, context(), name);
  site.now += MINUTE;
  return await show(site, context(), name);
}

function counts(site: Site): { checked: number; differed: number; skipped: number } {
  const sum = { checked: 0, differed: 0, skipped: 0 };
  for (const { verified } of site.sweeper.stats().tags) {
    sum.checked += verified.checked;
    sum.differed += verified.differed;
    sum.skipped += verified.skipped;
  }
  return sum;
}

/** The only error that was told. */
function told(site: Site): CacheSweeperError {
  expect(site.errors).toHaveLength(1);
  expect(site.errors[0]).toBeInstanceOf(CacheSweeperError);
  expect(site.errors[0]).toMatchObject({ code: 'CACHESWEEPER_DIFFERS' });
  return site.errors[0] as CacheSweeperError;
}

/** Random numbers that are the same in each run: mulberry32, by Tommy Ettinger. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 4_294_967_296;
  };
}

describe('one save in a thousand that nobody reports', () => {
  const SHARE = 0.05;
  /**
   * Each hit of the stale fragment is verified with the probability p, so n of them are all missed with (1 - p)^n. Less than
   * one in a million: n > ln(1e-6) / ln(1 - p), 270 hits for p = 0.05, and 13,809 for the 0.001 of a site.
   */
  const HITS = Math.ceil(Math.log(1e-6) / Math.log(1 - SHARE));

  test.each(kinds)('is found within the computed number of hits: %s', async (kind) => {
    expect(HITS).toBe(270);
    const random = seeded(13);
    vi.spyOn(Math, 'random').mockImplementation(random);
    const site = siteOf('{% cachesweeper a 0 %}<h1>{{ a.title }}</h1>{% endcachesweeper %}', kind, {
      sweeper: { verify: SHARE },
    });
    const titles = Array.from({ length: 10 }, (_, id) => `first ${id}`);
    const page = async (id: number) => {
      const html = await renderPage(site.env, 'page.njk', { a: new Article(id, titles[id]) });
      // The stores' writes, without the pauses of what is verified.
      for (let i = 0; i < 5; i++) await immediate();
      return html;
    };
    for (let id = 0; id < titles.length; id++) await page(id);
    const unreported = 500 + Math.floor(random() * 500);
    let stale = -1;
    for (let save = 0; save < 1_000; save++) {
      let id = Math.floor(random() * titles.length);
      // A later save of the same article would heal it.
      if (id === stale) id = (id + 1) % titles.length;
      titles[id] = `save ${save} of ${id}`;
      if (save === unreported) stale = id;
      else await site.sweeper.invalidateCacheFor({ type: 'Article', id });
      site.now += MINUTE;
      if (id !== stale) expect(await page(id)).toBe(`<h1>${titles[id]}</h1>`);
    }
    await verified(site);
    expect(site.errors).toEqual([]);
    let hits = 0;
    while (site.errors.length === 0 && hits < HITS) {
      expect(await page(stale)).not.toContain(`save ${unreported} `);
      hits++;
      if (counts(site).differed === 0) await verified(site);
    }
    expect(told(site).message).toContain(`Article:=${stale}`);
    expect(await page(stale)).toBe(`<h1>save ${unreported} of ${stale}</h1>`);
  });
});

describe('what is told of a difference', () => {
  test('a value that the page puts on a model', async () => {
    const site = siteOf(`\n\n${T('<p>{{ lang }}: {{ a.likes }} likes</p>')}`);
    const context = (likes: number) => ({ lang: 'en', a: Object.assign(new Article(1), { likes }) });
    await show(site, context(3));
    expect(await show(site, context(4))).toContain('3 likes');
    const { message } = told(site);
    expect(message).toMatch(/^page\.njk:3: /);
    expect(message).toContain('at character 8 of 18, where it was "…p>en: 3 likes</p>"');
    expect(message).toContain('lang');
    expect(message).toContain('Article:=1');
    expect(counts(site)).toEqual({ checked: 0, differed: 1, skipped: 0 });
    expect(await show(site, context(4))).toContain('4 likes');
    expect(site.outcomes).toEqual(['miss']);
  });

  test('booleans on a model are compared: nothing to tell', async () => {
    const site = siteOf(T('{{ "yes" if a.isLiked else "no" }}'));
    for (const isLiked of [true, false, true, false]) {
      expect(await show(site, { a: Object.assign(new Article(1), { isLiked }) })).toBe(isLiked ? 'yes' : 'no');
    }
    expect(site.errors).toEqual([]);
    expect(counts(site)).toEqual({ checked: 2, differed: 0, skipped: 0 });
  });

  test('nothing of the html of a tag that names a visitor’s own value', async () => {
    const site = siteOf(T('<p>{{ a.secret }} {{ user.id }}</p>', 'user.id'));
    await show(site, { a: Object.assign(new Article(1), { secret: 'hunter2' }), user: { id: 7 } });
    await show(site, { a: Object.assign(new Article(1), { secret: 'swordfish' }), user: { id: 7 } });
    expect(told(site).message).toContain('at character 4 of 16, where it was "…"');
    expect(told(site).message).not.toMatch(/hunter|swordfish/);
  });

  test('a helper that gives another value each time is not deterministic, said once for its tag', async () => {
    let calls = 0;
    const helpers: SiteOptions['helpers'] = (env) => void env.addGlobal('count', () => ++calls);
    const site = siteOf(T('{{ count() }}'), 'memory', { helpers });
    for (let i = 0; i < 4; i++) await show(site, { a: new Article(1) });
    expect(told(site).message).toMatch(/^page\.njk:1: not deterministic: /);
    expect(counts(site)).toEqual({ checked: 0, differed: 3, skipped: 0 });
  });

  test.each(kinds)('the entry is not served again, in no process that has to look it up: %s', async (kind) => {
    const source = T('{{ a.likes }}');
    const site = siteOf(source, kind, { sweeper: { verify: 0 } });
    const other = kind === 'memory' ? site : siteOf(source, kind, { shared: site });
    const context = (likes: number) => ({ a: Object.assign(new Article(1), { likes }) });
    expect(await store(site, () => context(3))).toBe('3');
    other.now = site.now;
    if (other === site) return;
    expect(await show(other, context(4))).toBe('3');
    told(other);
    expect(await show(other, context(4))).toBe('4');
    expect(await show(siteOf(source, kind, { shared: other }), context(4))).toBe('4');
  });
});

describe('what is verified', () => {
  test('the lazies of a body are loaded for it', async () => {
    let loaded = 0;
    const site = siteOf(T('{% for c in comments() %}{{ c }},{% endfor %}'));
    const texts = ['one', 'two'];
    const context = () => ({
      a: new Article(1),
      comments: lazy(async () => {
        loaded++;
        await immediate();
        return [...texts];
      }),
    });
    expect(await show(site, context())).toBe('one,two,');
    expect(await show(site, context())).toBe('one,two,');
    expect(loaded).toBe(2);
    expect(counts(site)).toEqual({ checked: 1, differed: 0, skipped: 0 });
    texts.push('three');
    await show(site, context());
    told(site);
  });

  test('what the page has loaded is not loaded again: it may be there only once', async () => {
    const messages = ['saved', 'of the next page'];
    const site = siteOf(`{{ flash() }} ${T('{{ a.title }}')}`);
    const context = () => ({ a: new Article(1), flash: lazy(async () => messages.shift()) });
    await show(site, { ...context(), flash: () => '' });
    expect(await show(site, context())).toContain('saved');
    expect(counts(site)).toEqual({ checked: 1, differed: 0, skipped: 0 });
    expect(messages).toEqual(['of the next page']);
  });

  test('a hit in a body that was rendered, and one behind it', async () => {
    const inner = '{% cachesweeper b 500 %}{{ b.title }}{% endcachesweeper %}';
    const site = siteOf(`{% for n in [1, 2] %}${T(`${inner}{{ n }}`)}{% endfor %}${inner}`);
    const b = () => new Article(2, 'b');
    await show(site, { a: new Article(1), b: b() });
    // The two in the loop are one fragment.
    expect(counts(site)).toEqual({ checked: 1, differed: 0, skipped: 0 });
    await show(site, { a: new Article(3), b: Object.assign(b(), { title: 'B' }) });
    // The fragments around are stored now, and shown by the shadow; the three hits in them are found all the same.
    expect(counts(site)).toEqual({ checked: 1, differed: 3, skipped: 0 });
  });

  test.each(kinds)('a page that is as it should be: nothing is told: %s', async (kind) => {
    const site = siteOf(
      {
        'page.njk': `{% include "card.njk" %}{% set box %}${T('{{ title }}')}{% endset %}${T('{{ box }}')}{{ box }}`,
        'card.njk': T('{{ a.title }} {{ lang }}{% set n = 3 %}') + T('{{ n }}'),
      },
      kind,
    );
    const context = () => ({ a: new Article(1), lang: 'en', title: 'x' });
    for (let i = 0; i < 4; i++) await store(site, context);
    expect(site.errors).toEqual([]);
    expect(counts(site)).toMatchObject({ differed: 0, skipped: 0 });
    expect(counts(site).checked).toBeGreaterThan(10);
  });

  test('not a page in a transaction, which may show what is not committed', async () => {
    const site = siteOf(T('{{ a.title }}'));
    await show(site, { a: new Article(1) });
    await site.sweeper.transaction(async () => {
      await renderPage(site.env, 'page.njk', { a: new Article(1, 'not committed') });
    });
    await verified(site);
    expect(site.errors).toEqual([]);
    expect(counts(site)).toEqual({ checked: 0, differed: 0, skipped: 0 });
  });

  test('also a page that is rendered without a callback', async () => {
    const site = siteOf(T('{{ a.title }}'));
    for (let i = 0; i < 2; i++) site.env.render('page.njk', { a: new Article(1) });
    await verified(site);
    expect(counts(site)).toEqual({ checked: 1, differed: 0, skipped: 0 });
  });
});

describe('nobody notices', () => {
  test('the page is there before its hits are verified', async () => {
    let ran = 0;
    const site = siteOf(T('{{ ran() }}'), 'memory', { helpers: (env) => void env.addGlobal('ran', () => void ran++) });
    await show(site, { a: new Article(1) });
    ran = 0;
    await renderPage(site.env, 'page.njk', { a: new Article(1) });
    expect(ran).toBe(0);
    await verified(site);
    expect(ran).toBe(1);
  });

  test.each(kinds)('nothing is kept, counted or told: %s', async (kind) => {
    const site = siteOf(
      {
        'page.njk': `${T('{{ a.title }}{{ part() }}')}{% if isShadow() %}${T('{{ lang }} new')}{% endif %}`,
        'part.njk': T('part of {{ a.title }}'),
      },
      kind,
    );
    let isDelivered = true;
    const a = new Article(1);
    const context = () => ({
      a,
      lang: 'en',
      isShadow: () => isDelivered,
      part: lazy(async () => renderPage(site.env, 'part.njk', { a })),
    });
    isDelivered = false;
    await store(site, context);
    const before = site.sweeper.stats();
    const operations = site.store?.operations.filter(({ method }) => method !== 'getMany').length;
    const html = await renderPage(site.env, 'page.njk', context());
    isDelivered = true;
    await verified(site);
    expect(html).not.toContain('new');
    expect(counts(site)).toMatchObject({ differed: 0, skipped: 0 });
    const after = site.sweeper.stats();
    expect(after).toMatchObject({ memory: before.memory, tokens: before.tokens, renders: before.renders + 1 });
    expect(after.tags).toHaveLength(before.tags.length);
    expect(site.reports).toHaveLength(after.renders);
    expect(site.store?.operations.filter(({ method }) => method !== 'getMany').length).toBe(operations);
  });

  test('errors of a body that is verified surface nowhere', async () => {
    const warned = vi.spyOn(process, 'emitWarning');
    let isBroken = false;
    const broken = () => {
      if (isBroken) throw new Error('broken');
      return 'fine';
    };
    const site = siteOf(T('{{ broken() }}{{ load() }}'), 'memory', {
      helpers: (env) => void env.addGlobal('broken', broken),
    });
    const load = lazy(async () => {
      if (isBroken) throw new Error('not loaded');
    });
    await show(site, { a: new Article(1), load });
    isBroken = true;
    expect(await show(site, { a: new Article(1), load })).toBe('fine');
    expect(counts(site)).toEqual({ checked: 0, differed: 0, skipped: 1 });
    expect(site.errors).toEqual([]);
    expect(warned).not.toHaveBeenCalled();
  });

  test('a lazy that never settles is given up', async () => {
    const site = siteOf(T('{{ load() }}'));
    await show(site, { a: new Article(1), load: lazy(async () => 'x') });
    await show(site, { a: new Article(1), load: lazy(() => new Promise(() => {})) });
    expect(counts(site)).toEqual({ checked: 0, differed: 0, skipped: 1 });
  });

  test('ten pages are verified at one time, the hits of others are skipped', async () => {
    const site = siteOf(T('{{ a.title }}'));
    await show(site, { a: new Article(1) });
    await Promise.all(Array.from({ length: 15 }, () => renderPage(site.env, 'page.njk', { a: new Article(1) })));
    await verified(site);
    expect(counts(site)).toEqual({ checked: 10, differed: 0, skipped: 5 });
  });

  test('close() does not wait for pauses', async () => {
    const site = siteOf(T('{{ a.title }}'));
    await show(site, { a: new Article(1) });
    await renderPage(site.env, 'page.njk', { a: new Article(1, 'not reported') });
    for (let i = 0; i < 10; i++) await immediate();
    expect(vi.getTimerCount()).toBe(1);
    await site.sweeper.close();
    expect(counts(site)).toEqual({ checked: 0, differed: 0, skipped: 1 });
    expect(vi.getTimerCount()).toBe(0);
    expect(site.errors).toEqual([]);
  });

  test('without the option nothing is verified', async () => {
    const site = siteOf(T('{{ a.title }}'), 'memory', { sweeper: { verify: 0 } });
    const random = vi.spyOn(Math, 'random');
    for (let i = 0; i < 3; i++) await show(site, { a: new Article(1) });
    expect(random).not.toHaveBeenCalled();
    expect(counts(site)).toEqual({ checked: 0, differed: 0, skipped: 0 });
  });
});

describe('no alarm', () => {
  const title = (text: string) => ({ a: new Article(1, text) });

  test('a save that is reported by another process before the shadow asks for its token', async () => {
    const site = siteOf(T('{{ a.title }}'), 'a store and memory');
    const other = siteOf('', 'a store', { shared: site });
    await store(site, () => title('old'));
    const row = title('old');
    expect(await renderPage(site.env, 'page.njk', row)).toBe('old');
    row.a.title = 'new';
    await other.sweeper.invalidateCacheFor(row.a);
    await verified(site);
    expect(counts(site)).toMatchObject({ differed: 0, skipped: 1 });
    expect(site.errors).toEqual([]);
  });

  test('a save that is reported while the verifier waits', async () => {
    const site = siteOf(T('{{ a.title }}'), 'a store');
    const other = siteOf('', 'a store', { shared: site });
    await store(site, () => title('old'));
    await renderPage(site.env, 'page.njk', title('new'));
    for (let i = 0; i < 30; i++) await immediate();
    await other.sweeper.invalidateCacheFor(new Article(1));
    await verified(site);
    expect(counts(site)).toMatchObject({ differed: 0, skipped: 1 });
    expect(site.errors).toEqual([]);
  });

  test('a page whose data may be older than the entry', async () => {
    const site = siteOf(T('{{ a.title }}'));
    await show(site, title('old'));
    const since = site.now - 1;
    await site.sweeper.invalidateCacheFor(new Article(1));
    await site.sweeper.render(site.env, 'page.njk', title('new'), { since: site.now + 1 });
    site.now += 2;
    await show(site, title('new'));
    await site.sweeper.render(site.env, 'page.njk', title('old'), { since });
    await verified(site);
    expect(counts(site)).toMatchObject({ differed: 0 });
    expect(counts(site).skipped).toBeGreaterThan(0);
    expect(site.errors).toEqual([]);
  });

  test('what a tag excepts, also in a fragment around it', async () => {
    const inner = '{% cachesweeper b 500 except="now" %}{{ b.title }} at {{ now }}{% endcachesweeper %}';
    const site = siteOf(`${T('{{ now }}', 'except="now"')}${T(inner)}`);
    for (const now of [1, 2]) await show(site, { a: new Article(1), b: new Article(2), now });
    expect(counts(site)).toEqual({ checked: 0, differed: 0, skipped: 2 });
    expect(site.errors).toEqual([]);
  });

  test('data that a lazy loads later is what was served', async () => {
    const texts = ['old', 'on its way', 'old'];
    const site = siteOf(T('{{ load() }}'));
    for (let i = 0; i < 2; i++) await show(site, { a: new Article(1), load: lazy(async () => texts.shift()) });
    expect(texts).toEqual([]);
    expect(counts(site)).toEqual({ checked: 1, differed: 0, skipped: 0 });
    expect(site.errors).toEqual([]);
  });
});
