import { type Lookup, lazy } from 'nunjucks-cachesweeper';
import { type FaultScript, TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Sealer } from '../../src/cache/seal.ts';
import { Packing } from '../../src/cache/shared/packing.ts';
import { SafeStore } from '../../src/cache/shared/safe-store.ts';
import { SharedEntries } from '../../src/cache/shared/shared-entries.ts';
import { SharedTokens } from '../../src/cache/shared/shared-tokens.ts';
import { StoreTokenReader } from '../../src/cache/store-token-reader.ts';
import { UNKNOWN } from '../../src/cache/token-reader.ts';
import { areLeases, gate, SETTLED, Site, siteWithStore } from './support.ts';

const comment = { type: 'Comment', id: 7 };
const article = { type: 'Article', id: 1 };
const fragment = (model: string, text: string) =>
  `{% cachesweeper ${model} 0 except="text" %}${text}{% endcachesweeper %}`;
const templates = {
  'page.njk': fragment('comment', '{{ text }}'),
  'around.njk': fragment('article', '({% include "page.njk" %})'),
  'lazy.njk': fragment('article', '{{ html() }}'),
  'changed.njk': '{% include "page.njk" %} {{ change() }}',
  'beside-lazy.njk': `{{ html() }} ${fragment('article', '{{ text }}')}`,
  'two.njk': `{% include "page.njk" %} ${fragment('article', '{{ text }}')}`,
};

afterEach(() => void vi.restoreAllMocks());

/** The store neither reads nor writes. */
const DOWN: FaultScript = () => ({ outcome: 'unknown' });
/** Nothing can be read. */
const READS_NOTHING: FaultScript = ({ method }) => (method === 'getMany' ? { outcome: 'unknown' } : undefined);

/** The token of one name cannot be read. */
function silence(store: TestingStore, name: string): void {
  const getMany = store.getMany.bind(store);
  vi.spyOn(store, 'getMany').mockImplementation(async (kind, keys, call) => {
    const answers = await getMany(kind, keys, call);
    const unknown: Lookup = { state: 'unknown' };
    return answers.map((answer, i) => (keys[i]?.endsWith(`:${name}`) ? unknown : answer));
  });
}

/** Reads are answered when the test says so, with what the store had when they were sent. */
function holdAnswers(store: TestingStore) {
  const { promise, open } = gate();
  const getMany = store.getMany.bind(store);
  const { length: before } = store.operations;
  const spy = vi.spyOn(store, 'getMany').mockImplementation(async (...call) => {
    const answers = await getMany(...call);
    await promise;
    return answers;
  });
  return {
    /** Resolves when a read has been sent; those that are sent later are not held. */
    sent: async () => {
      await vi.waitFor(() => expect(store.operations.length).toBeGreaterThan(before));
      spy.mockRestore();
    },
    answer: () => open(),
  };
}

/** A site whose process has the page in memory, and read its tokens just now. */
async function warmSite(options: object = {}) {
  const { clock, store, site } = siteWithStore(templates, { outage: '30s', ...options });
  for (const name of ['page.njk', 'around.njk', 'two.njk']) {
    await site.page({ comment, article, text: 'old' }, name);
    clock.advance(SETTLED);
    await site.page({ comment, article, text: 'old' }, name);
    clock.advance(SETTLED);
    await site.page({ comment, article, text: 'old' }, name);
  }
  store.operations.length = 0;
  const show = async (text = 'new', name = 'page.njk', more: object = {}) => {
    const html = await site.sweeper.render(site.env, name, { comment, article, text, ...more });
    return `${html}: ${site.report.fragments.map(({ outcome, reason }) => [outcome, reason].join(' ').trim())}`;
  };
  return { clock, store, site, show };
}

/** Writes of entries since the store was last asked. */
async function written({ site, store }: { site: Site; store: TestingStore }) {
  await site.sweeper.idle();
  return store.operations
    .splice(0)
    .filter(
      ({ method, kind, keys }) => method !== 'getMany' && kind === 'entry' && !areLeases(keys.map((key) => ({ key }))),
    );
}

const SERVED = 'old: hit outage';
const RENDERED = 'new: uncached unknown token';

describe('while the store is down', () => {
  test('a fragment is served by the tokens that were read last, for as long as the option says and no longer', async () => {
    const { clock, store, site, show } = await warmSite();
    store.script = DOWN;
    expect(await show()).toBe(SERVED);
    clock.advance(30_000);
    expect(await show()).toBe(SERVED);
    clock.advance(1);
    expect(await show()).toBe(RENDERED);
    store.script = undefined;
    expect(await show()).toBe('old: hit');
    const tag = site.sweeper.stats().tags.find(({ template }) => template === 'page.njk');
    expect(tag).toMatchObject({ outageHits: 2, uncached: { 'unknown token': 1 } });
  });

  test('without the option everything is rendered', async () => {
    const { store, show } = await warmSite({ outage: undefined });
    store.script = DOWN;
    expect(await show()).toBe(RENDERED);
  });

  test('without a memory tier there is nothing to serve', async () => {
    const { store, show } = await warmSite({ memory: false });
    store.script = DOWN;
    expect(await show()).toBe(RENDERED);
    // Not even what the store still gives.
    store.script = undefined;
    silence(store, 'Comment');
    expect(await show()).toBe(RENDERED);
  });

  test('without a store the option changes nothing: tokens are always known', async () => {
    const site = new Site(templates, { outage: '30s' });
    await site.page({ comment, text: 'old' });
    await site.sweeper.invalidateCacheFor(comment);
    expect(await site.page({ comment, text: 'new' })).toBe('new');
    expect(site.outcomes).toEqual(['miss']);
  });

  test('what has expired is not served', async () => {
    const { clock, store, site } = siteWithStore(
      { 'page.njk': fragment('comment', '{{ text }}').replace(' 0 ', ' 20 ') },
      { outage: '1m' },
    );
    await site.page({ comment, text: 'old' });
    clock.advance(SETTLED);
    await site.page({ comment, text: 'old' });
    store.script = DOWN;
    clock.advance(19_000);
    expect(await site.page({ comment, text: 'new' })).toBe('old');
    clock.advance(1_001);
    expect(await site.page({ comment, text: 'new' })).toBe('new');
  });

  test('one name that cannot be read is enough for a hit to be one of an outage', async () => {
    const { store, show } = await warmSite();
    silence(store, 'Comment:=7');
    expect(await show()).toBe(SERVED);
  });

  test('a name whose token was never read is unknown: one that was made is not', async () => {
    const { clock, store, site } = siteWithStore(templates, { outage: '30s' });
    await site.page({ comment: { type: 'Comment', id: 1 }, text: 'old' });
    clock.advance(SETTLED);
    await site.page({ comment: { type: 'Comment', id: 1 }, text: 'old' });
    // This page makes the token of its row, and its entry.
    await site.page({ comment, text: 'old' });
    store.script = DOWN;
    expect(await site.page({ comment, text: 'new' })).toBe('new');
    expect(site.outcomes).toEqual(['unknown token']);
    store.script = undefined;
    expect(await site.page({ comment, text: 'new' })).toBe('old');
    store.script = DOWN;
    expect(await site.page({ comment, text: 'new' })).toBe('old');
    expect(site.outcomes).toEqual(['outage']);
  });

  test('a page that cannot wait for the store is no outage', async () => {
    const { site } = await warmSite();
    expect(site.env.render('page.njk', { comment, text: 'new' })).toBe('new');
  });

  test('a name without a token is no outage: the token that a restarted store has lost does not count', async () => {
    const { store, show } = await warmSite();
    store.evict('token');
    // The tokens can be read, and cannot be made.
    store.script = ({ method }) => (method === 'addMany' ? { outcome: 'unknown' } : undefined);
    expect(await show()).toBe(RENDERED);
    store.script = DOWN;
    expect(await show()).toBe(RENDERED);
  });
});

describe('the time counts', () => {
  test('from when the read was sent, and not from when it was answered', async () => {
    const { clock, store, show } = await warmSite();
    const reads = holdAnswers(store);
    const slow = show();
    await reads.sent();
    clock.advance(20_000);
    reads.answer();
    expect(await slow).toBe('old: hit');
    store.script = DOWN;
    clock.advance(10_000);
    expect(await show()).toBe(SERVED);
    clock.advance(1);
    expect(await show()).toBe(RENDERED);
  });

  test('by the clock that shows more: one that is set back does not lengthen it', async () => {
    const { clock, store, show } = await warmSite();
    const elapsed = performance.now();
    const spy = vi.spyOn(performance, 'now');
    store.script = DOWN;
    clock.advance(-60_000);
    spy.mockImplementation(() => elapsed + 29_000);
    expect(await show()).toBe(SERVED);
    spy.mockImplementation(() => elapsed + 60_000);
    expect(await show()).toBe(RENDERED);
  });

  test('an answer to an older read that comes later does not bring an older token back', async () => {
    const { store, site, show } = await warmSite();
    const other = new Site(templates, { store });
    const reads = holdAnswers(store);
    const slow = show();
    await reads.sent();
    await other.sweeper.invalidateCacheFor(comment);
    // This process reads the new tokens, and is told the old ones after that.
    await site.page({ comment, article, text: 'newer' });
    reads.answer();
    expect(await slow).toMatch('old: hit');
    store.script = DOWN;
    expect(await show('newest')).toBe('newer: hit outage');
  });

  test('nor does one of two first reads of a name', async () => {
    const { store, site, clock } = await warmSite();
    const fresh = new Site(templates, { store, now: clock.now, outage: '30s' });
    const reads = holdAnswers(store);
    const slow = fresh.sweeper.render(fresh.env, 'page.njk', { comment, article, text: 'slow' });
    await reads.sent();
    await site.sweeper.invalidateCacheFor(comment);
    clock.advance(SETTLED);
    await fresh.page({ comment, article, text: 'newer' });
    reads.answer();
    // It keeps what it has found by the older tokens.
    expect(await slow).toBe('old');
    await fresh.sweeper.idle();
    store.script = DOWN;
    expect(await fresh.page({ comment, article, text: 'newest' })).toBe('newest');
  });
});

describe('what this process has bumped is not served', () => {
  const bump = (site: Site) => site.sweeper.invalidateCacheFor(comment).catch(() => {});

  test('before the outage', async () => {
    const { store, site, show } = await warmSite();
    await bump(site);
    store.script = DOWN;
    expect(await show()).toBe(RENDERED);
  });

  test('during it, when the store does not acknowledge it', async () => {
    const { store, site, show } = await warmSite();
    store.script = DOWN;
    expect(await show()).toBe(SERVED);
    await bump(site);
    expect(await show()).toBe(RENDERED);
  });

  test('during it, when the store writes and does not read', async () => {
    const { store, site, show } = await warmSite();
    store.script = READS_NOTHING;
    expect(await show()).toBe(SERVED);
    await bump(site);
    expect(await show()).toBe(RENDERED);
  });

  test('while the bump is under way', async () => {
    const { store, site, show } = await warmSite();
    store.script = ({ method, kind }) =>
      method === 'setMany' && kind === 'token' ? { outcome: 'hang' } : { outcome: 'unknown' };
    const bumping = bump(site);
    expect(await show()).toBe(RENDERED);
    await bumping;
    expect(await show()).toBe(RENDERED);
    store.script = undefined;
  });

  test('after a retry has delivered it', async () => {
    const { store, site, show } = await warmSite();
    store.script = DOWN;
    await bump(site);
    store.script = READS_NOTHING;
    await site.sweeper.idle();
    expect(site.sweeper.stats().bumpsWaiting).toBe(0);
    expect(await show()).toBe(RENDERED);
  });

  test('after a retry has delivered it, though it was read in between', async () => {
    const { store, site, show } = await warmSite();
    store.script = ({ method }) => (method === 'setMany' ? { outcome: 'unknown' } : undefined);
    await bump(site);
    // It finds the old token.
    expect(await show()).toBe(RENDERED);
    store.script = READS_NOTHING;
    await site.sweeper.idle();
    expect(site.sweeper.stats().bumpsWaiting).toBe(0);
    expect(await show()).toBe(RENDERED);
  });

  test('by a read that was sent before the bump and is answered after it', async () => {
    const { store, site, show } = await warmSite();
    const reads = holdAnswers(store);
    const slow = show();
    await reads.sent();
    await bump(site);
    reads.answer();
    // That page began before the bump, and may show the old fragment.
    expect(await slow).toBe('old: hit');
    store.script = DOWN;
    expect(await show()).toBe(RENDERED);
  });

  test('nor by a read that was sent while the bump was under way', async () => {
    const { store, site, show } = await warmSite();
    const writing = gate();
    const setMany = store.setMany.bind(store);
    vi.spyOn(store, 'setMany').mockImplementation(async (...call) => {
      await writing.promise;
      return setMany(...call);
    });
    const bumping = bump(site);
    expect(await show()).toBe(RENDERED);
    writing.open();
    await bumping;
    store.script = DOWN;
    expect(await show()).toBe(RENDERED);
  });

  test('a bump of everything counts for everything', async () => {
    const { store, site, show } = await warmSite();
    await site.sweeper.invalidateAll();
    store.script = DOWN;
    expect(await show()).toBe(RENDERED);
    expect(await show('new', 'two.njk')).toBe('new new: uncached unknown token,uncached unknown token');
  });

  test('other names are served all the same, and what is read after the bump', async () => {
    const { clock, store, site, show } = await warmSite();
    await site.sweeper.invalidateCacheFor(article);
    store.script = DOWN;
    expect(await show('new', 'two.njk')).toBe('old new: hit outage,uncached unknown token');
    store.script = undefined;
    clock.advance(SETTLED);
    await show('newer', 'two.njk');
    await show('newer', 'two.njk');
    store.script = DOWN;
    expect(await show('newest', 'two.njk')).toBe('old newer: hit outage,hit outage');
  });

  test('more bumps than are remembered by name count for all that was read before', async () => {
    const { store, site, show } = await warmSite();
    await site.sweeper.invalidateCacheFor(Array.from({ length: 10_001 }, (_, id) => ({ type: 'Other', id })));
    store.script = DOWN;
    expect(await show()).toBe(RENDERED);
    store.script = undefined;
    await show();
    store.script = DOWN;
    expect(await show()).toBe(SERVED);
  });
});

test('what a transaction has changed is not served to the pages in it', async () => {
  const { store, site, show } = await warmSite();
  store.script = DOWN;
  await site.sweeper
    .transaction(async (transaction) => {
      expect(await show()).toBe(SERVED);
      transaction.invalidateCacheFor(comment);
      expect(await show()).toBe(RENDERED);
      throw new Error('rolled back');
    })
    .catch(() => {});
  expect(await show()).toBe(SERVED);
});

test('nor what it changes while the page is rendered', async () => {
  const { store, site, show } = await warmSite();
  store.script = DOWN;
  await site.sweeper
    .transaction(async (transaction) => {
      const change = lazy(async () => transaction.invalidateCacheFor(comment));
      // Its first pass has asked for the token, and its second one knows of the change.
      expect(await show('new', 'changed.njk', { change })).toBe(`new : uncached unknown token`);
      throw new Error('rolled back');
    })
    .catch(({ message }) => expect(message).toBe('rolled back'));
});

test('an answer that comes late does not count after a younger one, although the name was forgotten in between', async () => {
  const store = new TestingStore();
  const safe = new SafeStore(store, () => {});
  const ignore = () => {};
  const [tokens, others] = [0, 1].map(
    () => new SharedTokens(safe, new Sealer([]), { namespace: '', version: 1 }, Date.now, ignore, ignore, 60_000),
  ) as [SharedTokens, SharedTokens];
  const read = async (name: string) => (await tokens.read([name], 1_000)).tokens.get(name);
  // A token that is made is remembered when it is found.
  for (let i = 0; i < 2; i++) await read('Comment:=7');
  await others.bump(['Comment:=7'], new Map(), 1_000);
  const held = holdAnswers(store);
  const late = read('Comment:=7');
  await held.sent();
  await others.bump(['Comment:=7'], new Map(), 1_000);
  // Each takes nearly all of the memory for names.
  for (const letter of ['a', 'b']) for (let i = 0; i < 2; i++) await read(letter.repeat(2_600_000));
  const last = await read('Comment:=7');
  held.answer();
  expect(await late).not.toBe(last);
  expect(tokens.lastRead('Comment:=7')).toBe(last);
});

test('a name that a page has given up to ask for is no outage: the store can be asked', async () => {
  const store = new TestingStore();
  const safe = new SafeStore(store, () => {});
  const sealer = new Sealer([]);
  const ignore = () => {};
  const tokens = new SharedTokens(safe, sealer, { namespace: '', version: 1 }, Date.now, ignore, ignore, 60_000);
  const entries = new SharedEntries(safe, new Packing(sealer, Number.POSITIVE_INFINITY), ignore);
  for (let i = 0; i < 2; i++) await tokens.read(['Comment:=7'], 1_000);
  expect(tokens.lastRead('Comment:=7')).toBeDefined();
  const reader = new StoreTokenReader(tokens, entries, 1_000);
  reader.token('Comment:=7');
  reader.giveUp();
  expect(reader.token('Comment:=7')).toBe(UNKNOWN);
  expect(reader.lastRead('Comment:=7')).toBeUndefined();
});

describe('nothing is stored of a page with such a hit', () => {
  /** A site whose article was bumped, so that a page renders and stores it. */
  async function bumpedSite() {
    const warm = await warmSite();
    await warm.site.sweeper.invalidateCacheFor(article);
    warm.clock.advance(SETTLED);
    await written(warm);
    return warm;
  }

  test('not what is around it', async () => {
    const warm = await bumpedSite();
    silence(warm.store, 'Comment:=7');
    expect(await warm.show('new', 'around.njk')).toBe('(old): hit outage,uncached outage');
    expect(await written(warm)).toEqual([]);
    vi.restoreAllMocks();
    expect(await warm.show('newer', 'around.njk')).toBe('(old): hit,miss');
    expect(await written(warm)).not.toEqual([]);
  });

  test('not what is beside it', async () => {
    const warm = await bumpedSite();
    silence(warm.store, 'Comment:=7');
    expect(await warm.show('new', 'two.njk')).toBe('old new: hit outage,uncached outage');
    expect(await written(warm)).toEqual([]);
    vi.restoreAllMocks();
    expect(await warm.show('newer', 'two.njk')).toBe('old newer: hit,miss');
  });

  test('not what a lazy has made of it', async () => {
    const warm = await bumpedSite();
    const { site, store, show } = warm;
    const inner = () => site.sweeper.render(site.env, 'page.njk', { comment, text: 'new' });
    silence(store, 'Comment:=7');
    expect(await show('new', 'lazy.njk', { html: lazy(inner) })).toBe('old: uncached contains uncached');
    expect(await written(warm)).toEqual([]);
    expect(await show('new', 'beside-lazy.njk', { html: lazy(inner) })).toBe('old new: uncached outage');
    expect(await written(warm)).toEqual([]);
    vi.restoreAllMocks();
    expect(await show('new', 'lazy.njk', { html: lazy(inner) })).toBe('old: miss');
  });

  test('and the next page asks for what it has always asked for', async () => {
    const { store, site, show } = await warmSite();
    const names = () => store.operations.splice(0).map(({ kind, keys }) => `${kind} ${keys.length}`);
    expect(await show('new', 'two.njk')).toBe('old old: hit,hit');
    const usual = names();
    store.script = DOWN;
    await show('new', 'two.njk');
    await site.sweeper.idle();
    store.script = undefined;
    names();
    expect(await show('new', 'two.njk')).toBe('old old: hit,hit');
    expect(names()).toEqual(usual);
  });

  test('no such hit is verified', async () => {
    const { store, site, show } = await warmSite({ verify: 1, maxDataAge: '1ms' });
    const verified = () => site.sweeper.stats().tags.find(({ template }) => template === 'page.njk')?.verified;
    await site.sweeper.idle();
    const before = verified();
    store.script = DOWN;
    expect(await show()).toBe(SERVED);
    await site.sweeper.idle();
    expect(verified()).toEqual(before);
  });
});
