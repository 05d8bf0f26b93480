import { describe, expect, test } from 'vitest';
import { kindsFor, Site, T } from '../reads/support.ts';
import { Article, Comment } from '../support/models.ts';
import { blocksOf } from './code-blocks.ts';

const kinds = kindsFor(import.meta.url);

describe.each(kinds)('what docs/reference.md says of reads, in %s', (kind) => {
  test('the version of a row that a body meets is compared with its id', async () => {
    const site = new Site(T('{% for c in rows %}{{ c.text }}{% endfor %}'), kind);
    site.sweeper.register(Comment, { version: 'updatedAt' });
    const page = (text: string, saved: number) => ({
      a: new Article(1),
      rows: [Object.assign(new Comment(1, text), { updatedAt: new Date(saved) })],
    });
    expect(await site.cached(page('x', 1))).toBe('x');
    expect(await site.cached(page('not saved', 1))).toBe('x');
    expect(await site.cached(page('y', 2))).toBe('y');
  });

  test('a class that is registered without options is met as a model', async () => {
    class Author {
      readonly id = 5;
      readonly name: string;
      constructor(name: string) {
        this.name = name;
      }
    }
    const site = new Site(T('{{ a.author.name }}'), kind);
    site.sweeper.register(Author);
    const page = (name: string) => () => ({ a: Object.assign(new Article(1), { author: new Author(name) }) });
    await site.show(page('Ann'));
    await site.sweeper.invalidateCacheFor(new Author('Bob'));
    expect(await site.show(page('Bob'))).toEqual(['miss']);
  });

  test('except takes out a field of all rows, and nothing of an object that a filter is handed', async () => {
    const body = '{% for r in rows %}{{ r.name }}{{ r.time }}{% endfor %}{{ page | dump | length }}';
    const site = new Site(T(body, 'except=["rows.*.time", "page.now"]'), kind);
    const page = (name: string, time: number, now: string) => ({
      a: new Article(1),
      rows: [{ name, time }],
      page: { now },
    });
    const outcome = async (...values: Parameters<typeof page>) => {
      await site.cached(page(...values));
      return site.outcomes[0];
    };
    expect(await outcome('x', 1, 'now')).toBe('miss');
    expect(await outcome('x', 2, 'now')).toBe('hit');
    expect(await outcome('y', 2, 'now')).toBe('miss');
    expect(await outcome('x', 1, 'later')).toBe('miss');
  });

  test('a key function that leaves reads out never gives wrong html', async () => {
    const key = ({ template, models }: { template: string; models: readonly { token: string }[] }) =>
      `${template} ${models.map(({ token }) => token).join()}`;
    const site = new Site(T('{{ lang }}'), kind, { sweeper: { key } });
    for (const lang of ['en', 'de', 'en', 'de', 'de']) await site.show(() => ({ a: new Article(1), lang }));
    expect(site.outcomes).toEqual(['hit']);
  });
});

test('docs/reference.md shows a key as the store has it', async () => {
  const [template, shown] = blocksOf('docs/reference.md').filter(({ section }) => section === 'A fragment key');
  const key = (shown?.code.split('\n')[0] ?? '').trim();
  const site = new Site({ 'comment.njk': template?.code ?? '' }, 'a store', { sweeper: { namespace: 'blog' } });
  await site.cached({ comment: new Comment(7), lang: 'en' }, 'comment.njk');
  const form = (text: string) => text.replaceAll(/[@:][\w-]{16,}/g, (part) => part[0] + '.'.repeat(part.length - 1));
  const [record, entry] = [...(site.store?.keys('entry') ?? [])].sort((a, b) => b.length - a.length).reverse();
  expect(form(entry as string)).toBe(form(key));
  expect(record).toMatch(/^blog:1:comment\.njk#0@[\w-]{16}:reads$/);
});
