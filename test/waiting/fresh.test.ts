import fc from 'fast-check';
import type { CacheSweeperOptions } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test } from 'vitest';
import { sized } from '../support/long.ts';
import { Article, Comment } from '../support/models.ts';
import { Clock, operationsOf, SETTLED, Site } from './support.ts';

const templates = {
  'page.njk':
    '{% cachesweeper article 500 %}<{{ article.title }}{% for c in comments %}{% cachesweeper c 500 %}[{{ c.text }}]{% endcachesweeper %}{% endfor %}>{% endcachesweeper %}',
};

/** Two processes of one site. */
function twoProcesses(options: CacheSweeperOptions = {}) {
  const clock = new Clock();
  const store = new TestingStore({ now: clock.now });
  const process = () =>
    new Site(templates, { store: new TestingStore({ now: clock.now, shared: store }), now: clock.now, ...options });
  return { clock, store, a: process(), b: process() };
}

const row = () => ({ article: new Article(1, 'A'), comments: [new Comment(1, 'x'), new Comment(2, 'y')] });

describe.each([
  ['with memory tiers', {}],
  ['without memory tiers', { memory: false }],
] as const)('two processes %s', (_title, options) => {
  test.each([
    ['the model', ({ comments }: ReturnType<typeof row>) => comments[0]],
    ['its class', () => Comment],
    ['its type', () => 'Comment'],
    ['the article around it', ({ article }: ReturnType<typeof row>) => article],
  ] as const)('once a bump of %s has resolved in one, the next page of the other is fresh', async (_what, model) => {
    const { clock, a, b } = twoProcesses(options);
    const context = row();
    for (let i = 0; i < 3; i++) {
      await a.page(context);
      await b.page(context);
      clock.advance(SETTLED);
    }
    expect(b.outcomes).toEqual(['hit']);
    context.comments[0]!.text = 'new';
    const models = model(context);
    await a.sweeper.invalidateCacheFor(models);
    // A bump of the article invalidates the article, not the comments in it.
    const expected = models === context.article ? '<A[x][y]>' : '<A[new][y]>';
    expect(await b.page(context)).toBe(expected);
    expect(await a.page(context)).toBe(expected);
  });

  test('invalidateAll() invalidates every page of every process', async () => {
    const { clock, a, b } = twoProcesses(options);
    const context = row();
    for (let i = 0; i < 2; i++) {
      await a.page(context);
      await b.page(context);
      clock.advance(SETTLED);
    }
    context.article.title = 'B';
    await a.sweeper.invalidateAll();
    expect(await b.page(context)).toBe('<B[x][y]>');
    expect(b.outcomes).toEqual(['miss', 'miss', 'miss']);
  });

  test('what one process has stored the other finds', async () => {
    const { clock, a, b } = twoProcesses(options);
    await a.page(row());
    clock.advance(SETTLED);
    await a.page(row());
    await b.page(row());
    expect(b.outcomes).toEqual(['hit']);
  });

  test('using: nothing is bumped while the attribute is what was recorded, by whatever process', async () => {
    const { a, b, store } = twoProcesses(options);
    const comment = new Comment(1, 'x');
    await a.sweeper.invalidateCacheFor(comment, { using: 'text' });
    const token = () =>
      store.getMany(
        'token',
        store.keys('token').filter((key) => key.endsWith('=1')),
        { timeout: 100 },
      );
    const first = await token();
    operationsOf(store);
    await b.sweeper.invalidateCacheFor(comment, { using: 'text' });
    expect(await token()).toEqual(first);
    comment.text = 'y';
    await b.sweeper.invalidateCacheFor(comment, { using: 'text' });
    expect(await token()).not.toEqual(first);
    comment.text = 'x';
    await a.sweeper.invalidateCacheFor(comment, { using: 'text' });
    expect(await token()).not.toEqual(first);
  });

  test('using: when the recorded attribute cannot be read, the model is bumped', async () => {
    const { clock, store } = twoProcesses();
    let isDown = false;
    const own = new TestingStore({
      now: clock.now,
      shared: store,
      script: ({ method }) => (isDown && method === 'getMany' ? { outcome: 'unknown' } : undefined),
    });
    const site = new Site(templates, { store: own, now: clock.now });
    const comment = new Comment(1, 'x');
    await site.sweeper.invalidateCacheFor(comment, { using: 'text' });
    isDown = true;
    operationsOf(own);
    await site.sweeper.invalidateCacheFor(comment, { using: 'text' });
    // The model and its list at once: nothing is recorded under a token of the type that is not known.
    expect(operationsOf(own).filter((operation) => operation === 'setMany token 2')).toHaveLength(1);
  });
});

test('of two processes that make one token at one time the loser takes the winner’s', async () => {
  const { a, b } = twoProcesses();
  await Promise.all([a.page(row()), b.page(row())]);
  for (const site of [a, b]) {
    await site.page(row());
    expect(site.outcomes).toEqual(['hit']);
  }
});

test('sites of other namespaces and versions in one store do not invalidate or see each other', async () => {
  const { clock, store, a } = twoProcesses();
  const site = (options: CacheSweeperOptions) =>
    new Site(templates, { store: new TestingStore({ now: clock.now, shared: store }), now: clock.now, ...options });
  const others = [site({ namespace: 'x' }), site({ version: 2 }), site({ namespace: 'x', version: 2 })];
  await a.page({ ...row(), article: new Article(1, 'ours') });
  for (const other of others) expect(await other.page(row())).toBe('<A[x][y]>');
  clock.advance(SETTLED);
  for (const other of others) await other.page(row());
  await a.sweeper.invalidateAll();
  for (const other of others) {
    await other.page(row());
    expect(other.outcomes).toEqual(['hit']);
  }
});

type Step =
  | { readonly do: 'save'; readonly comment: number; readonly by: number }
  | { readonly do: 'render'; readonly by: number }
  | { readonly do: 'evict'; readonly kind: 'token' | 'entry'; readonly salt: number }
  | { readonly do: 'flush' }
  | { readonly do: 'wait'; readonly milliseconds: number };

const by = fc.integer({ min: 0, max: 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('save' as const), comment: fc.integer({ min: 0, max: 2 }), by }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('render' as const), by }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('evict' as const),
      kind: fc.constantFrom('token' as const, 'entry' as const),
      salt: fc.integer({ min: 1, max: 7 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'flush' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('wait' as const), milliseconds: fc.constantFrom(1, 1_500, 5_000, 600_000) }),
  },
);

test('whatever is saved, evicted, flushed and rendered in whatever order, html is that of the rows as they are', {
  timeout: 60_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), fc.boolean(), async (steps, hasMemory) => {
      const { clock, store, a, b } = twoProcesses(hasMemory ? {} : { memory: false });
      const sites = [a, b];
      const context = { article: new Article(1, 'A'), comments: [0, 1, 2].map((id) => new Comment(id, `${id}`)) };
      let version = 0;
      for (const one of steps) {
        if (one.do === 'save') {
          const saved = context.comments[one.comment] as Comment;
          saved.text = `${saved.id} v${++version}`;
          await sites[one.by]!.sweeper.invalidateCacheFor(saved);
        } else if (one.do === 'render') {
          const html = await sites[one.by]!.page(context);
          expect(html).toBe(`<A${context.comments.map(({ text }) => `[${text}]`).join('')}>`);
        } else if (one.do === 'evict') {
          store.evict(one.kind, (key) => (key.length + (key.charCodeAt(key.length - 1) ^ one.salt)) % one.salt === 0);
        } else if (one.do === 'flush') {
          store.evict('token');
          store.evict('entry');
        } else clock.advance(one.milliseconds);
      }
    }),
    { numRuns: sized(30, 150, 150) },
  );
});

test('no token is ever used again, whatever is evicted', async () => {
  const seen = new Map<string, number>();
  let bumps = 0;
  const { clock, store, a, b } = twoProcesses({
    key: (parts) => {
      for (const { name, token } of parts.models) {
        const known = seen.get(`${name} ${token}`);
        // Under a token that was replaced no fragment is looked for again.
        if (known !== undefined && known !== bumps) throw new Error(`the token of ${name} came back`);
        seen.set(`${name} ${token}`, bumps);
      }
      return JSON.stringify(parts);
    },
  });
  for (let i = 0; i < 30; i++) {
    await a.page(row());
    await b.page(row());
    if (i % 3 === 0) store.evict('token');
    else if (i % 3 === 1) await a.sweeper.invalidateCacheFor([Article, Comment, new Article(1), ...row().comments]);
    else {
      await b.sweeper.invalidateCacheFor([new Article(1), ...row().comments]);
      store.evict('token', (key) => key.includes('='));
    }
    bumps++;
    clock.advance(i % 2);
  }
  expect(seen.size).toBe(30 * 3);
});
