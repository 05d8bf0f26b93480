import type { CacheSweeperOptions } from 'nunjucks-cachesweeper';
import type { Fault, Store } from 'nunjucks-cachesweeper/testing';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { Article, Comment } from '../support/models.ts';
import { Stopwatch } from '../support/stopwatch.ts';
import { Clock, failureOf, gate, SETTLED, Site } from './support.ts';

const templates = {
  'page.njk':
    '{% cachesweeper article 500 %}{{ article.title }}{% endcachesweeper %}{% cachesweeper comment 500 %}[{{ comment.text }}]{% endcachesweeper %}',
};
const sites: Site[] = [];

afterEach(async () => {
  await Promise.all(sites.splice(0).map(({ sweeper }) => sweeper.close()));
});

/** A process with everything stored for good, whose token writes then fail in one way. */
async function warm(fault?: Fault, options: CacheSweeperOptions = {}) {
  const clock = new Clock();
  const server = new TestingStore({ now: clock.now });
  const store = new TestingStore({ now: clock.now, shared: server });
  const site = new Site(templates, { store, now: clock.now, ...options });
  const other = new Site(templates, { store: server, now: clock.now });
  sites.push(site, other);
  const context = { article: new Article(1, 'A'), comment: new Comment(7, 'c') };
  for (let i = 0; i < 2; i++) {
    await site.page(context);
    clock.advance(SETTLED);
  }
  await site.page(context);
  expect(site.outcomes).toEqual(['hit', 'hit']);
  const writes: string[][] = [];
  const honest = store.setMany.bind(store);
  store.setMany = (kind, items, call) => {
    if (kind === 'token') writes.push(items.map(({ value }) => Buffer.from(value).toString()));
    return honest(kind, items, call);
  };
  store.script = ({ kind, method }) => (kind === 'token' && method === 'setMany' ? fault : undefined);
  return { clock, server, store, site, other, context, writes };
}

describe.each(['unknown', 'reject', 'lost', 'hang', 'late'] as const)('a bump whose write ends in "%s"', (outcome) => {
  test('rejects and says for which names; they are unknown here until a retry with new tokens has succeeded', async () => {
    const { store, site, context, writes } = await warm({ outcome, delay: 1 });
    context.comment.text = 'd';
    const error = await failureOf(site.sweeper.invalidateCacheFor(context.comment));
    expect(error).toMatchObject({ name: 'CacheSweeperError', code: 'CACHESWEEPER_BUMP_FAILED' });
    expect(error.message).toContain('Comment:=7');
    expect(error.message).toContain('Comment:*');
    expect(error.message).not.toContain('Article');
    expect(error.names).toEqual(['Comment:=7', 'Comment:*']);

    expect(await site.sweeper.render(site.env, 'page.njk', context)).toBe('A[d]');
    expect(site.outcomes).toEqual(['hit', 'unknown token']);
    expect(site.sweeper.stats().bumpsWaiting).toBe(2);

    store.script = undefined;
    await site.sweeper.idle();
    expect(site.sweeper.stats().bumpsWaiting).toBe(0);
    expect(await site.page(context)).toBe('A[d]');
    expect(site.outcomes).toEqual(['hit', 'miss']);
    // Never the same value twice: a late write of the first cannot bring anything back.
    const values = writes.flat();
    expect(writes.length).toBeGreaterThanOrEqual(2);
    expect(new Set(values).size).toBe(values.length);
  });
});

/** Holds back the next write of tokens, after it was carried out. */
function held(store: TestingStore): { readonly begun: Promise<void>; end(): void } {
  const { setMany } = store;
  const begun = gate();
  const end = gate();
  store.setMany = async (kind, items, call) => {
    const answers = await setMany.call(store, kind, items, call);
    if (kind !== 'token') return answers;
    begun.open();
    await end.promise;
    return answers;
  };
  return { begun: begun.promise, end: end.open };
}

test('a page that comes while its process bumps what it shows waits for the bump, and is stored', async () => {
  const { store, site, context } = await warm();
  const { begun, end } = held(store);
  context.comment.text = 'd';
  const bump = site.sweeper.invalidateCacheFor(context.comment);
  await begun;
  const page = site.page(context);
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  end();
  await bump;
  expect(await page).toBe('A[d]');
  expect(site.outcomes).toEqual(['hit', 'miss']);
});

test('so does a page that has begun to read its tokens before the bump', async () => {
  const { store, site, context } = await warm();
  const { getMany } = store;
  const read = gate();
  const answer = gate();
  store.getMany = async (kind, keys, call) => {
    const answers = await getMany.call(store, kind, keys, call);
    store.getMany = getMany;
    read.open();
    await answer.promise;
    return answers;
  };
  const page = site.page(context);
  await read.promise;
  const { begun, end } = held(store);
  context.comment.text = 'd';
  const bump = site.sweeper.invalidateCacheFor(context.comment);
  await begun;
  answer.open();
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  end();
  await bump;
  expect(await page).toBe('A[d]');
  expect(site.outcomes).toEqual(['hit', 'miss']);
});

test('a page does not wait for a bump beyond its timeout: it is rendered, and not stored', async () => {
  const { store, site, context } = await warm(undefined, { timeout: '50ms' });
  const { begun, end } = held(store);
  context.comment.text = 'd';
  const bump = site.sweeper.invalidateCacheFor(context.comment);
  await begun;
  expect(await site.page(context)).toBe('A[d]');
  expect(site.outcomes[1]).toBe('unknown token');
  end();
  await bump;
});

test('a token that was read before the retry succeeded is unknown, however late its answer comes', async () => {
  const { store, site, context } = await warm({ outcome: 'unknown' });
  context.comment.text = 'd';
  await failureOf(site.sweeper.invalidateCacheFor(context.comment));
  const read = gate();
  const answer = gate();
  const honest = store.getMany.bind(store);
  store.getMany = async (kind, keys, call) => {
    const answers = await honest(kind, keys, call);
    read.open();
    await answer.promise;
    return answers;
  };
  const page = site.sweeper.render(site.env, 'page.njk', context);
  await read.promise;
  store.script = undefined;
  await site.sweeper.idle();
  expect(site.sweeper.stats().bumpsWaiting).toBe(0);
  answer.open();
  expect(await page).toBe('A[d]');
});

test('of two bumps of one name at one time a page waits for both', async () => {
  const { store, site, context } = await warm();
  let calls = 0;
  store.script = ({ kind, method }) =>
    kind === 'token' && method === 'setMany' ? { delay: calls++ === 0 ? 5 : 80 } : undefined;
  const first = site.sweeper.invalidateCacheFor(context.comment);
  let isThere = false;
  const second = site.sweeper.invalidateCacheFor(context.comment).then(() => {
    isThere = true;
  });
  await first;
  await site.page(context);
  expect([isThere, ...site.outcomes]).toEqual([true, 'hit', 'miss']);
  await second;
  await site.page(context);
  expect(site.outcomes).toEqual(['hit', 'hit']);
});

test('a later bump of the same name does not end the wait for the one that was lost', async () => {
  const { store, site, context, writes } = await warm({ outcome: 'unknown' });
  await failureOf(site.sweeper.invalidateCacheFor(context.comment));
  store.script = undefined;
  await site.sweeper.invalidateCacheFor(context.comment);
  expect(site.sweeper.stats().bumpsWaiting).toBe(2);
  await site.sweeper.idle();
  // The one that was lost, the later one, and the retry all the same.
  expect(writes.length).toBeGreaterThanOrEqual(3);
  expect(site.sweeper.stats().bumpsWaiting).toBe(0);
});

test('a retry that fails is followed by another', async () => {
  const { store, site, context, writes } = await warm();
  store.script = ({ kind, method }) =>
    kind === 'token' && method === 'setMany' && writes.length <= 2 ? { outcome: 'unknown' } : undefined;
  await failureOf(site.sweeper.invalidateCacheFor(context.comment));
  await site.sweeper.idle();
  expect(writes).toHaveLength(3);
  expect(site.sweeper.stats().bumpsWaiting).toBe(0);
});

test('a bump of several models of which some fail names those alone', async () => {
  const { store, site, context } = await warm();
  const honest = store.setMany.bind(store);
  store.setMany = async (kind, items, call) => {
    const answers = await honest(kind, items, call);
    return answers.map((answer, i) => answer && !items[i]?.key.includes('Comment:=7'));
  };
  const error = await failureOf(site.sweeper.invalidateCacheFor([context.article, context.comment]));
  expect(error.names).toEqual(['Comment:=7']);
  store.setMany = honest;
  await site.sweeper.idle();
});

test('a write that was lost and is carried out late, after a newer bump, brings no old html back', async () => {
  const { clock, store, site, other, context } = await warm({ outcome: 'late', delay: 40 });
  context.comment.text = 'd';
  await failureOf(site.sweeper.invalidateCacheFor(context.comment));
  store.script = undefined;
  await site.sweeper.idle();
  context.comment.text = 'e';
  await other.sweeper.invalidateCacheFor(context.comment);
  for (let i = 0; i < 12; i++) {
    expect(await site.page(context)).toBe('A[e]');
    expect(await other.page(context)).toBe('A[e]');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  clock.advance(SETTLED);
  expect(await site.page(context)).toBe('A[e]');
  expect(await other.page(context)).toBe('A[e]');
});

test('close() ends the retries and reports what was not delivered', async () => {
  const { site, context } = await warm({ outcome: 'unknown' });
  await failureOf(site.sweeper.invalidateCacheFor(context.comment));
  const watch = new Stopwatch();
  await site.sweeper.close();
  expect(watch.stop()).toBeLessThan(3_000);
  expect(site.errors).toEqual([
    expect.objectContaining({ code: 'CACHESWEEPER_BUMP_FAILED', names: ['Comment:=7', 'Comment:*'] }),
  ]);
  await expect(site.sweeper.invalidateCacheFor(context.comment)).rejects.toMatchObject({ code: 'CACHESWEEPER_CLOSED' });
});

test('close() lets bumps under way come to their end first', async () => {
  const { store, site, other, context } = await warm({ delay: 30 });
  context.comment.text = 'd';
  const bump = site.sweeper.invalidateCacheFor(context.comment);
  await site.sweeper.close();
  await bump;
  store.script = undefined;
  expect(await other.page(context)).toBe('A[d]');
});

test('after close() pages are still rendered, uncached', async () => {
  const { site, context } = await warm();
  await site.sweeper.close();
  context.comment.text = 'd';
  expect(await site.page(context)).toBe('A[d]');
  expect(site.outcomes).not.toContain('hit');
  expect(site.outcomes).not.toContain('miss');
});

test('more than 10,000 names that failed become one bump of everything', async () => {
  const { store, site, context, writes } = await warm({ outcome: 'unknown' });
  const many = Array.from({ length: 10_001 }, (_, id) => new Article(id + 100));
  const error = await failureOf(site.sweeper.invalidateCacheFor(many));
  expect(error.names).toHaveLength(10_002);
  expect(error.message.length).toBeLessThan(1_000);
  expect(site.sweeper.stats().bumpsWaiting).toBe(1);
  // Nothing is known until it is delivered.
  context.article.title = 'B';
  expect(await site.sweeper.render(site.env, 'page.njk', context)).toBe('B[c]');
  expect(site.outcomes).toEqual(['unknown token', 'unknown token']);
  store.script = undefined;
  await site.sweeper.idle();
  expect(writes.at(-1)).toHaveLength(1);
  await site.page(context);
  expect(site.outcomes).toEqual(['miss', 'miss']);
});

test('10,000 names that failed are still bumped one by one', async () => {
  const { store, site, context } = await warm({ outcome: 'unknown' });
  const many = Array.from({ length: 9_999 }, (_, id) => new Article(id + 100));
  await failureOf(site.sweeper.invalidateCacheFor(many));
  expect(site.sweeper.stats().bumpsWaiting).toBe(10_000);
  store.script = undefined;
  await site.sweeper.idle();
  await site.page(context);
  expect(site.outcomes).toEqual(['hit', 'hit']);
});

test('a bump that is lost at the moment the last retry succeeds is retried as well', async () => {
  const clock = new Clock();
  const inner = new TestingStore({ now: clock.now });
  /** Token writes, answered by hand: one packet of a server can answer several calls. */
  const calls: { readonly count: number; answer(value: boolean): void }[] = [];
  let byHand = true;
  const store: Store = {
    getMany: inner.getMany.bind(inner),
    addMany: inner.addMany.bind(inner),
    close: inner.close.bind(inner),
    setMany: (kind, items, call) => {
      if (kind === 'entry' || !byHand) return inner.setMany(kind, items, call);
      return new Promise((resolve) => {
        calls.push({ count: items.length, answer: (value) => resolve(items.map(() => value)) });
      });
    },
  };
  const site = new Site(templates, { store, now: clock.now });
  sites.push(site);
  const lost = failureOf(site.sweeper.invalidateCacheFor(new Comment(1)));
  calls[0]!.answer(false);
  await lost;
  // The retry is sent, and another bump; both are answered by one packet.
  while (calls.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  const second = failureOf(site.sweeper.invalidateCacheFor(new Comment(2)));
  expect(calls).toHaveLength(3);
  calls[1]!.answer(true);
  calls[2]!.answer(false);
  byHand = false;
  await second;
  await site.sweeper.idle();
  expect(site.sweeper.stats().bumpsWaiting).toBe(0);
});
