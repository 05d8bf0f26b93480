import { setImmediate as tick } from 'node:timers/promises';
import type { SweepTransaction } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test } from 'vitest';
import { Article, Comment } from '../support/models.ts';
import { fragment, Site } from '../sweeper/site.ts';
import { elsewhere } from './outside.ts';

const rows = fragment('a 0', '"a"') + fragment('b 0', '"b"') + fragment('"Comment" 0', '"list"');
const page = { a: new Comment(1), b: new Comment(2) };

/** A site on which everything is cached, and nothing was bumped lately. */
async function cached(template = rows, options = {}): Promise<Site> {
  const site = new Site(template, options);
  await site.render(page);
  await site.sweeper.idle();
  expect((await site.render(page)).ran).toEqual([]);
  return site;
}

const ranElsewhere = async (site: Site) => (await elsewhere(() => site.render(page))).ran;

describe('sweeper.transaction', () => {
  test('bumps what it was told when its callback has resolved, and gives back its value', async () => {
    const site = await cached();
    const value = await site.sweeper.transaction(async (t) => {
      t.invalidateCacheFor(page.a);
      await tick();
      expect(await ranElsewhere(site)).toEqual([]);
      return 'value';
    });
    expect(value).toBe('value');
    expect((await site.render(page)).ran).toEqual(['a', 'list']);
  });

  test.each<[string, () => unknown]>([
    ['rejects', () => Promise.reject(new Error('no'))],
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
  ])('forgets what it was told when its callback %s', async (_title, fail) => {
    const site = await cached();
    const failing = site.sweeper.transaction((t) => {
      t.invalidateCacheFor(page.a);
      return fail();
    });
    await expect(failing).rejects.toThrow('no');
    expect((await site.render(page)).ran).toEqual([]);
  });

  test('nests: an inner one is bumped with the outermost, and forgotten with it', async () => {
    const site = await cached();
    const { transaction } = site.sweeper;
    await transaction(async () => {
      await transaction((inner) => inner.invalidateCacheFor(page.a));
      expect(await ranElsewhere(site)).toEqual([]);
      const failing = transaction((inner) => {
        inner.invalidateCacheFor(page.b);
        throw new Error('inner');
      });
      await expect(failing).rejects.toThrow('inner');
    });
    expect((await site.render(page)).ran).toEqual(['a', 'list']);
    site.settle();
    const failing = transaction(async () => {
      await transaction((inner) => inner.invalidateCacheFor(page.b));
      throw new Error('outer');
    });
    await expect(failing).rejects.toThrow('outer');
    await site.render(page);
    expect((await site.render(page)).ran).toEqual([]);
  });

  test('asks what is touched when it is told, also by previous values', async () => {
    const site = await cached(
      fragment('{ type: "Article", id: 1 } 0', '"one"') + fragment('{ type: "Article", id: 2 } 0', '"two"'),
    );
    class Reply extends Comment {
      articleId = 1;
    }
    const seen: unknown[] = [];
    site.sweeper.register(Reply, {
      touches: (reply, previous) => {
        seen.push([reply.articleId, previous?.articleId]);
        return { type: 'Article', id: reply.articleId };
      },
    });
    const reply = new Reply(7);
    await site.sweeper.transaction((t) => {
      const previous = Object.assign(new Reply(7), reply);
      reply.articleId = 2;
      t.invalidateCacheFor(reply, { previous });
      reply.articleId = 9;
    });
    expect(seen).toEqual([
      [2, 1],
      [1, undefined],
    ]);
    expect((await site.render()).ran).toEqual(['one', 'two']);
  });

  test('takes rows by their type', async () => {
    const site = await cached();
    await site.sweeper.transaction((t) => t.invalidateCacheFor([{ id: 1, text: 'x' }], { type: 'Comment' }));
    expect((await site.render(page)).ran).toEqual(['a', 'list']);
  });

  test('with using bumps only if the last value differs from the recorded one', async () => {
    class Post {
      id = 1;
      version = 1;
    }
    const post = new Post();
    const site = new Site(fragment('post 0', '"post"'));
    const save = (...versions: number[]) =>
      site.sweeper.transaction((t) => {
        for (const version of versions) t.invalidateCacheFor(Object.assign(post, { version }), { using: 'version' });
      });
    const ran = async () => {
      site.settle();
      return (await site.render({ post })).ran;
    };
    await save(1);
    await ran();
    await save(1, 2, 1);
    expect(await ran()).toEqual([]);
    await save(1, 2);
    expect(await ran()).toEqual(['post']);
    await save(2);
    expect(await ran()).toEqual([]);
    await site.sweeper.transaction((t) => t.invalidateCacheFor(post));
    expect(await ran()).toEqual(['post']);
  });

  test('collects no more than 1,000 rows of a type one by one: then it is the type', async () => {
    const site = await cached();
    await site.sweeper.transaction((t) => {
      for (let id = 10; id < 1_010; id++) t.invalidateCacheFor(new Comment(id));
    });
    expect((await site.render(page)).ran).toEqual(['a', 'b', 'list']);
    expect(site.sweeper.stats().tokens).toBe(1);
  });

  test('collects no more than 10,000 names: then it is everything', async () => {
    const site = await cached();
    await site.sweeper.transaction((t) => {
      for (let i = 0; i < 10_001; i++) t.invalidateCacheFor(`Type${i}`);
    });
    expect(site.sweeper.stats().tokens).toBe(1);
    expect((await site.render(page)).ran).toEqual(['a', 'b', 'list']);
  });

  test('that is over takes nothing more: it would never be bumped', async () => {
    const site = await cached();
    let kept: SweepTransaction | undefined;
    await site.sweeper.transaction((t) => {
      kept = t;
    });
    expect(() => kept?.invalidateCacheFor(page.a)).toThrow(
      expect.objectContaining({
        code: 'CACHESWEEPER_TRANSACTION_OVER',
        message: expect.stringContaining('a transaction that is committed'),
      }),
    );
  });

  test('an inner one that ends after the outer one is bumped by itself', async () => {
    const site = await cached();
    let inner: Promise<unknown> = Promise.resolve();
    await site.sweeper.transaction(() => {
      inner = site.sweeper.transaction(async (t) => {
        await tick();
        await tick();
        t.invalidateCacheFor(page.a);
      });
    });
    await inner;
    expect((await site.render(page)).ran).toEqual(['a', 'list']);
  });

  test('code that goes on after it is in no transaction', async () => {
    const site = await cached();
    let late: Promise<unknown> = Promise.resolve();
    const failing = site.sweeper.transaction(async () => {
      late = tick()
        .then(() => tick())
        .then(() => site.sweeper.transaction((t) => t.invalidateCacheFor(page.a)));
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    await late;
    expect((await site.render(page)).ran).toEqual(['a', 'list']);
  });

  test('the plain call in it is acknowledged at once, and made again at the end', async () => {
    const site = await cached();
    await site.sweeper.transaction(async () => {
      await site.sweeper.invalidateCacheFor(page.a);
      // Another request still reads the old row, and caches it.
      site.settle();
      expect(await ranElsewhere(site)).toEqual(['a', 'list']);
      expect(await ranElsewhere(site)).toEqual([]);
    });
    expect((await site.render(page)).ran).toEqual(['a', 'list']);
  });

  test.each<[string, unknown, unknown, string]>([
    ['no function', 7, {}, 'transaction(): expected a function, got the number 7'],
    [
      'options that are none',
      () => 1,
      { strickt: true },
      'transaction() strickt: expected one of strict, parent, got an unknown name',
    ],
    [
      'strict that is no boolean',
      () => 1,
      { strict: 'yes' },
      'transaction() strict: expected true or false, got the string "yes"',
    ],
  ])('refuses %s', async (_title, run, options, message) => {
    const { sweeper } = new Site('');
    await expect(sweeper.transaction(run as never, options as never)).rejects.toMatchObject({
      code: 'CACHESWEEPER_BAD_OPTION',
      message: expect.stringContaining(message),
    });
  });

  test('is refused after close(), before the callback runs', async () => {
    const { sweeper } = new Site('');
    await sweeper.close();
    const run = () => expect.unreachable();
    await expect(sweeper.transaction(run)).rejects.toMatchObject({ code: 'CACHESWEEPER_CLOSED' });
  });

  test('rejects for a model without an identity, with the error that invalidateCacheFor gives', async () => {
    const site = await cached();
    const failing = site.sweeper.transaction((t) => t.invalidateCacheFor({}));
    await expect(failing).rejects.toMatchObject({ code: 'CACHESWEEPER_NO_IDENTITY' });
  });
});

test.each<[string, unknown, object, string]>([
  [
    'previous of a list',
    [new Comment(1), new Comment(2)],
    { previous: new Comment(1) },
    'previous: expected one model as it was before, for an invalidation of one model, got one for 2',
  ],
  [
    'previous that is no object',
    new Comment(1),
    { previous: 7 },
    'previous: expected one model as it was before, for an invalidation of one model, got the number 7',
  ],
  ['type that is no name', { id: 1 }, { type: 7 }, 'type: expected the name of a type, got the number 7'],
])('invalidateCacheFor refuses %s', async (_title, models, options, message) => {
  const { sweeper } = new Site('');
  const expected = { code: 'CACHESWEEPER_BAD_OPTION', message: `invalidateCacheFor() ${message}` };
  await expect(sweeper.invalidateCacheFor(models, options)).rejects.toMatchObject(expected);
  await expect(sweeper.transaction((t) => t.invalidateCacheFor(models, options))).rejects.toMatchObject(expected);
});

describe('a page rendered in a transaction', () => {
  const withText = fragment('a 0', '"a"', '{{ a.text }}') + fragment('b 0', '"b"');
  const stores: [string, () => object][] = [
    ['without a store', () => ({})],
    ['with a store', () => ({ store: new TestingStore() })],
  ];

  test.each(stores)('shows what was changed in it and stores nothing of it: %s', async (_title, options) => {
    const site = await cached(withText, options());
    const failing = site.sweeper.transaction(async (t) => {
      t.invalidateCacheFor(page.a);
      const changed = { ...page, a: new Comment(1, 'uncommitted') };
      for (let times = 0; times < 2; times++) {
        const { html, ran } = await site.render(changed);
        expect(html).toBe('uncommitted');
        expect([...new Set(ran)]).toEqual(['a']);
        expect(site.outcomes).toEqual(['unknown token', 'hit']);
      }
      throw new Error('rolled back');
    });
    await expect(failing).rejects.toThrow('rolled back');
    expect(await site.render(page)).toEqual({ html: page.a.text.replace('&', '&amp;'), ran: [] });
  });

  test.each(stores)('that was begun before the change stores nothing of it: %s', async (_title, options) => {
    const site = new Site(fragment('a 0', '"a"', '{{ a.text }}{{ pause() }}'), options());
    const { lazy } = await import('nunjucks-cachesweeper');
    const context = {
      a: new Comment(1, 'uncommitted'),
      pause: lazy(async () => {
        await tick();
        return '';
      }),
    };
    const failing = site.sweeper.transaction(async (t) => {
      const rendered = site.render(context);
      t.invalidateCacheFor(context.a);
      await rendered;
      throw new Error('rolled back');
    });
    await expect(failing).rejects.toThrow('rolled back');
    site.settle();
    expect((await site.render({ a: new Comment(1, 'old'), pause: () => '' })).html).toBe('old');
  });

  test.each(stores)('that ends after the rollback stores nothing of it: %s', async (_title, options) => {
    const { lazy } = await import('nunjucks-cachesweeper');
    const site = new Site(fragment('a 0', '"a"', '{{ text() }}'), options());
    const a = new Comment(1);
    let release = () => undefined as unknown;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let rendered: Promise<unknown> = Promise.resolve();
    const failing = site.sweeper.transaction(async (t) => {
      t.invalidateCacheFor(a);
      rendered = site.render({ a, text: lazy(() => gate.then(() => 'uncommitted')) });
      throw new Error('rolled back');
    });
    await expect(failing).rejects.toThrow('rolled back');
    release();
    await rendered;
    await site.sweeper.idle();
    site.settle();
    expect((await site.render({ a, text: () => 'old' })).html).toBe('old');
  });

  test('a fragment around one that was changed is not stored either', async () => {
    const site = new Site(fragment('article 0', '"article"', fragment('a 0', '"a"')));
    await site.sweeper.transaction(async (t) => {
      t.invalidateCacheFor(page.a);
      await site.render({ article: new Article(1), ...page });
      // It meets the changed model itself.
      expect(site.outcomes).toEqual(['unknown token', 'unknown token']);
    });
  });
});

describe('sweeper.invalidateCacheFor with using, inside a transaction', () => {
  class Post {
    id = 1;
    version = 1;
    title = 'old';
  }
  const saved = Object.assign(new Post(), { version: 2, title: 'new' });
  const posts = fragment('post 0', '"post"', '{{ post.title }}');

  test.each<[string, () => object]>([
    ['without a store', () => ({})],
    ['with a store', () => ({ store: new TestingStore() })],
  ])('%s it is bumped again at the end: others have read the old row meanwhile', async (_title, options) => {
    const site = new Site(posts, options());
    await site.sweeper.transaction(async () => {
      await site.sweeper.invalidateCacheFor(saved, { using: 'version' });
      site.settle();
      await elsewhere(() => site.render({ post: new Post() }));
      await site.sweeper.idle();
    });
    expect((await site.render({ post: saved })).html).toBe('new');
  });

  test('nothing is recorded of a value that was rolled back', async () => {
    const site = new Site(posts);
    const failing = site.sweeper.transaction(async () => {
      await site.sweeper.invalidateCacheFor(saved, { using: 'version' });
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    site.settle();
    await site.render({ post: new Post() });
    await site.sweeper.invalidateCacheFor(saved, { using: 'version' });
    expect((await site.render({ post: saved })).html).toBe('new');
  });
});

describe('a bump that the store does not acknowledge', () => {
  const broken = async () => {
    const store = new TestingStore();
    const errors: unknown[] = [];
    const site = await cached(rows, { store, onError: (error: unknown) => errors.push(error) });
    store.script = ({ method, kind }) =>
      method === 'setMany' && kind === 'token' ? { outcome: 'unknown' } : undefined;
    return { store, site, errors };
  };

  test('does not fail the transaction: it is reported, and retried in the background', async () => {
    const { store, site, errors } = await broken();
    const save = (t: SweepTransaction) => {
      t.invalidateCacheFor(page.a);
      return 'saved';
    };
    await expect(site.sweeper.transaction(save)).resolves.toBe('saved');
    expect(errors).toMatchObject([{ code: 'CACHESWEEPER_BUMP_FAILED' }]);
    // Here it is known that the row has changed.
    expect((await site.render(page)).ran).toEqual(['a', 'list']);
    store.script = () => undefined;
    await site.sweeper.idle();
    expect(site.sweeper.stats().bumpsWaiting).toBe(0);
    const another = new Site(rows, { store: new TestingStore({ shared: store }) });
    expect((await another.render(page)).ran).toEqual(['a', 'list']);
  });

  test('rejects as well with strict', async () => {
    const { site } = await broken();
    const saving = site.sweeper.transaction((t) => t.invalidateCacheFor(page.a), { strict: true });
    await expect(saving).rejects.toMatchObject({ code: 'CACHESWEEPER_BUMP_FAILED' });
    expect((await site.render(page)).ran).toEqual(['a', 'list']);
  });
});
