import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, test } from 'vitest';
import { AsyncObjectLoader, ObjectLoader } from '../support/loaders.ts';
import { sized } from '../support/long.ts';
import { Article, Comment } from '../support/models.ts';
import { fragment, type Site, site } from './site.ts';

const f = fragment;
const RENDERS = sized(80, 300, 300);

const templates = {
  'page.njk':
    '{% extends "base.njk" %}{% block x %}{{ name | later }}{% set mine = name %}{% set last = name %}' +
    `{% for c in comments %}${f('c', '{% set last = c.text %}{{ c.text }}{% include "part.njk" %}')}{% endfor %}` +
    '{{ mine }}{{ last }}{% include "tail.njk" %}{% endblock %}',
  'base.njk': '<{% block x %}{% endblock %}>',
  'part.njk': '{% set mine = "part" %}.',
  'tail.njk': `{{ name | later }}{% cachesweeper article 500 name %}{{ name }}{% endcachesweeper %}{{ mine }}{{ last }}`,
  'fails.njk': `${f('article', 'a{{ boom(name) }}')}{{ name | later }}`,
};

/** Answers after as many turns of the event loop as its first argument says. */
function later(value: unknown, done: (error: null, value: unknown) => void): void {
  let turns = Number(String(value).replace(/\D/g, '')) % 5;
  const turn = () => (turns-- <= 0 ? done(null, value) : setImmediate(turn));
  turn();
}

function busySite(loader: object): Site {
  const made = site({}, { loader: loader as never });
  made.env.addFilter('later', later, true);
  made.env.addGlobal('boom', (name: string) => {
    throw new Error(`no ${name}`);
  });
  return made;
}

function page(i: number) {
  return {
    name: `v${i}`,
    article: new Article(i % 3),
    comments: [i % 7, (i % 5) + 10].map((id) => new Comment(id, `c${id}`)),
  };
}

/** As plain Nunjucks shows it: what the last body set is there behind it, what its include set is not. */
function expected(i: number): string {
  const last = `c${(i % 5) + 10}`;
  return `<v${i}c${i % 7}.${last}.v${i}${last}v${i}v${i}v${i}${last}>`;
}

describe.each([
  ['at once', () => new ObjectLoader(templates)],
  ['later', () => new AsyncObjectLoader(templates)],
  ['later, each time anew', () => new AsyncObjectLoader(templates, true)],
])('many pages at a time, with a loader that answers %s', (_when, loader) => {
  test('see nothing of each other', async () => {
    const { env, render } = busySite(loader());
    const caller = new AsyncLocalStorage<number>();
    const wrong: string[] = [];
    await Promise.all(
      Array.from({ length: RENDERS }, (_, i) =>
        caller.run(
          i,
          () =>
            new Promise<void>((resolve) => {
              env.render('page.njk', page(i), (error, html) => {
                if (error !== null || html !== expected(i)) wrong.push(`${i}: ${error} ${html}, not ${expected(i)}`);
                if (caller.getStore() !== i) wrong.push(`${i} was called back as ${caller.getStore()}`);
                resolve();
              });
            }),
        ),
      ),
    );
    expect(wrong).toEqual([]);
    expect(await render(page(4))).toBe(expected(4));
  });

  test('fail each with its own error, in its own context', async () => {
    const { env } = busySite(loader());
    const caller = new AsyncLocalStorage<number>();
    const wrong: string[] = [];
    await Promise.all(
      Array.from({ length: RENDERS }, (_, i) =>
        caller.run(
          i,
          () =>
            new Promise<void>((resolve) => {
              const name = i % 2 === 0 ? 'fails.njk' : 'page.njk';
              env.render(name, page(i), (error, html) => {
                const right = i % 2 === 0 ? error?.message.includes(`no v${i}`) : html === expected(i);
                if (!right) wrong.push(`${i}: ${error} ${html}`);
                if (caller.getStore() !== i) wrong.push(`${i} was called back as ${caller.getStore()}`);
                resolve();
              });
            }),
        ),
      ),
    );
    expect(wrong).toEqual([]);
  });

  test('are fresh when their models are bumped in between', async () => {
    const { env, sweeper, render } = busySite(loader());
    const shared = new Comment(99, 'v0');
    const versions: string[] = [];
    for (let version = 1; version <= 20; version++) {
      const before = Array.from({ length: 5 }, () => render({ ...page(version), comments: [shared] }));
      shared.text = `v${version}`;
      await sweeper.invalidateCacheFor(shared);
      const html = await new Promise<string>((resolve) =>
        env.render('page.njk', { ...page(0), comments: [shared] }, (_error, text) => resolve(text ?? '')),
      );
      versions.push(html.slice(3).split('.')[0] as string);
      await Promise.all(before);
    }
    expect(versions).toEqual(Array.from({ length: 20 }, (_, i) => `v${i + 1}`));
  });
});
