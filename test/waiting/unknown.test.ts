import { type Fault, type FaultScript, TestingStore } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test } from 'vitest';
import { Article, Comment } from '../support/models.ts';
import { Stopwatch } from '../support/stopwatch.ts';
import { operationsOf, SETTLED, Site, siteWithStore } from './support.ts';

const templates = {
  'page.njk':
    '{% cachesweeper article 500 %}<{{ article.title }}{% cachesweeper comment 500 %}[{{ comment.text }}]{% endcachesweeper %}>{% endcachesweeper %}',
};

/** A page that everybody has: stored for good, and in the memory tier. */
async function warm(options: object = {}) {
  const all = siteWithStore(templates, { timeout: '200ms', ...options });
  const context = { article: new Article(1, 'A'), comment: new Comment(7, 'c') };
  for (let i = 0; i < 2; i++) {
    await all.site.page(context);
    all.clock.advance(SETTLED);
  }
  // On a busy machine a page may be too late for its store; the next one is not.
  for (let tries = 0; tries < 20 && (tries === 0 || all.site.outcomes.join() !== 'hit'); tries++) {
    if (tries > 0) all.clock.advance(SETTLED);
    await all.site.page(context);
  }
  expect(all.site.outcomes).toEqual(['hit']);
  operationsOf(all.store);
  return { ...all, context };
}

const reading: FaultScript = ({ method, kind }) =>
  method !== 'setMany' && kind === 'token' ? { outcome: 'unknown' } : undefined;
const faults: Record<string, Fault> = {
  'answered as unknown': { outcome: 'unknown' },
  rejected: { outcome: 'reject' },
  'never answered': { outcome: 'hang' },
  'lost on the way back': { outcome: 'lost' },
  'answered after the timeout': { delay: 10_000 },
};

describe.each([
  ['with a memory tier', {}],
  ['without a memory tier', { memory: false }],
] as const)('%s, tokens', (_title, options) => {
  test.each(Object.entries(faults))(
    '%s: the page is right and in time, and nothing is stored or served',
    async (_what, fault) => {
      const { site, store, context } = await warm(options);
      store.script = ({ kind }) => (kind === 'token' ? fault : undefined);
      // The row is newer than what is cached: whatever is served from a cache shows.
      context.article.title = 'B';
      context.comment.text = 'd';
      const watch = new Stopwatch();
      expect(await site.page(context)).toBe('<B[d]>');
      expect(watch.stop()).toBeLessThan(2_000);
      expect(site.outcomes).toEqual(['unknown token', 'unknown token']);
      expect(operationsOf(store).filter((operation) => /^(set|add)Many entry/.test(operation))).toEqual([]);

      store.script = undefined;
      // Nor was it kept in the memory tier: what was there before is there again.
      expect(await site.page(context)).toBe('<A[c]>');
      expect(site.outcomes).toEqual(['hit']);
    },
  );

  test.each(Object.entries(faults))('missing, and making one %s: nothing is stored', async (_what, fault) => {
    const { site, store, context } = await warm(options);
    store.evict('token');
    store.script = ({ kind, method }) => (kind === 'token' && method === 'addMany' ? fault : undefined);
    expect(await site.page(context)).toBe('<A[c]>');
    expect(site.outcomes).toEqual(['unknown token', 'unknown token']);
    expect(operationsOf(store).filter((operation) => /^(set|add)Many entry/.test(operation))).toEqual([]);
  });
});

test('an unknown token of one model leaves the others cached, but not what is around it', async () => {
  const { site, store, clock } = siteWithStore({
    'page.njk':
      '{% cachesweeper outer 500 %}{% for c in comments %}{% cachesweeper c 500 %}{{ c.text }}{% endcachesweeper %}{% endfor %}{% endcachesweeper %}',
  });
  const context = { outer: new Article(1), comments: [new Comment(1, 'a'), new Comment(2, 'b'), new Comment(3, 'c')] };
  store.script = ({ method, kind, keys }) =>
    method === 'getMany' && kind === 'token' && keys.some((key) => key.includes('Comment:=2'))
      ? { corrupt: (value) => value }
      : undefined;
  // One name of a batch is unknown.
  const honest = store.getMany.bind(store);
  store.getMany = async (kind, keys, call) =>
    (await honest(kind, keys, call)).map((answer, i) =>
      kind === 'token' && keys[i]?.includes('Comment:=2') ? { state: 'unknown' } : answer,
    );
  expect(await site.page(context)).toBe('abc');
  // The outer body met that model itself: it depends on it like the inner one.
  expect(site.outcomes).toEqual(['miss', 'unknown token', 'miss', 'unknown token']);
  clock.advance(SETTLED);
  await site.page(context);
  clock.advance(SETTLED);
  expect(await site.page(context)).toBe('abc');
  expect(site.outcomes).toEqual(['hit', 'unknown token', 'hit', 'unknown token']);
});

test('when * is unknown nothing is served, however well the rest is known', async () => {
  const { site, store, context } = await warm();
  const honest = store.getMany.bind(store);
  store.getMany = async (kind, keys, call) =>
    (await honest(kind, keys, call)).map((answer, i) =>
      kind === 'token' && keys[i]?.endsWith(':*') && !keys[i]?.includes('Article') ? { state: 'unknown' } : answer,
    );
  context.article.title = 'B';
  expect(await site.page(context)).toBe('<B[c]>');
});

test('a token that becomes unknown inside a hit makes it none', async () => {
  const { site, store, context } = await warm();
  const honest = store.getMany.bind(store);
  store.getMany = async (kind, keys, call) =>
    (await honest(kind, keys, call)).map((answer, i) =>
      kind === 'token' && keys[i]?.includes('Comment') ? { state: 'unknown' } : answer,
    );
  context.comment.text = 'd';
  expect(await site.page(context)).toBe('<A[d]>');
  expect(site.outcomes).toEqual(['unknown token', 'unknown token']);
});

test.each(['unknown', 'reject', 'hang', 'lost'] as const)(
  'entries whose reading ends in "%s" are misses',
  async (outcome) => {
    const { site, store, context } = await warm({ memory: false });
    store.script = ({ kind, method }) => (kind === 'entry' && method === 'getMany' ? { outcome } : undefined);
    const watch = new Stopwatch();
    expect(await site.page(context)).toBe('<A[c]>');
    expect(watch.stop()).toBeLessThan(2_000);
    store.script = undefined;
    expect(await site.page(context)).toBe('<A[c]>');
    expect(site.outcomes).toEqual(['hit']);
  },
);

test('all waiting for the store in one render is under one timeout, however deep it is nested', async () => {
  let source = 'x';
  for (let i = 8; i >= 1; i--) source = `{% cachesweeper m${i} 500 %}${source}{% endcachesweeper %}`;
  const { site, store } = siteWithStore({ 'page.njk': source }, { timeout: '60ms' });
  store.script = () => ({ delay: 40 });
  const asked: { readonly kind: string; readonly timeout: number }[] = [];
  const honest = store.getMany.bind(store);
  store.getMany = (kind, keys, call) => {
    asked.push({ kind, timeout: call.timeout });
    return honest(kind, keys, call);
  };
  const models = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`m${i + 1}`, new Article(i + 1)]));
  expect(await site.page(models)).toBe('x');
  const timeouts = (kind: string) => asked.filter((call) => call.kind === kind).map(({ timeout }) => timeout);
  const [tokens, records] = [timeouts('token'), timeouts('entry')];
  // What is left of the time grows less from round trip to round trip; without any the store is not asked.
  expect(tokens.every((timeout, i) => timeout <= 60 && timeout < (tokens[i - 1] ?? 61))).toBe(true);
  expect(tokens.length).toBeLessThan(4);
  // The record of what a tag reads is asked for in the round trip of its tokens, and has no more time than they have.
  expect(records.length).toBeLessThanOrEqual(tokens.length);
  expect(records.every((timeout, i) => timeout <= (tokens[i] as number))).toBe(true);
});

test('a store that comes back serves again', async () => {
  const { site, store, context } = await warm();
  store.script = reading;
  await site.page(context);
  store.script = undefined;
  await site.page(context);
  expect(site.outcomes).toEqual(['hit']);
});

test('what was rejected is reported to onError, and no page sees it', async () => {
  const { site, store, context } = await warm();
  store.script = () => ({ outcome: 'reject' });
  expect(await site.page(context)).toBe('<A[c]>');
  expect(site.errors.map(String)).toEqual(expect.arrayContaining([expect.stringContaining('getMany failed')]));
});

test('an onError that throws does not reach the page', async () => {
  const { store, context } = await warm();
  const site = new Site(templates, {
    store: new TestingStore({ shared: store, script: () => ({ outcome: 'reject' }) }),
    onError: () => {
      throw new Error('logging is down');
    },
  });
  expect(await site.page(context)).toBe('<A[c]>');
});

test.each([
  ['without a value', { state: 'found' }],
  ['with text', { state: 'found', value: 'text' }],
  ['with null', { state: 'found', value: null }],
  ['as nothing', undefined],
] as const)('a store that answers "found" %s does not break a page', async (_what, answer) => {
  const { site, store, context } = await warm();
  store.getMany = async (_kind, keys) => keys.map(() => answer as never);
  expect(await site.page(context)).toBe('<A[c]>');
});
