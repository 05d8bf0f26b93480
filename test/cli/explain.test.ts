import nunjucks from 'nunjucks';
import { CacheSweeper, type FragmentReport } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import { renderPage } from '../support/render.ts';
import { cli, root } from './support.ts';

interface Facts {
  readonly template: string;
  readonly line: number;
  readonly names: readonly string[];
  readonly depends: readonly string[];
  readonly compared: readonly string[];
  readonly belowModels: readonly string[];
  readonly calls: readonly string[];
  readonly helpers: readonly string[];
  readonly includes: readonly string[];
  readonly holes: readonly object[];
  readonly keys: readonly string[];
  readonly keywords: Readonly<Record<string, string>>;
}

async function facts(...argv: readonly string[]): Promise<readonly Facts[]> {
  const { out, err } = await cli(['explain', ...argv, '--json']);
  expect(err).toBe('');
  return JSON.parse(out).fragments;
}

describe('explain', () => {
  test('tells of each fragment of a page and of what it includes, as the text has it', async () => {
    const [article, author, comments, comment, ...others] = await facts(
      'article.njk',
      '--config',
      'test/cli/demo-site.ts',
    );
    expect(others).toEqual([]);
    expect(article).toMatchObject({
      template: 'fragments/article.njk',
      line: 2,
      names: ['*', 'type(article)', 'type(article):=id(article)'],
      // `clock` is a global of the site, `comments` a lazy; the author's fragment below reads the article as well.
      compared: [],
      calls: ['comments()'],
      includes: ['fragments/author.njk', 'fragments/comments.njk', 'words.njk'],
      holes: [],
    });
    expect(article?.belowModels).toContain('article.author.name');
    expect(article?.belowModels).toContain('article.paragraphs[*]');
    expect(article?.helpers).toEqual(['clock()', '| day', '| iso', '| lower']);
    expect(author).toMatchObject({
      template: 'fragments/author.njk',
      line: 4,
      belowModels: ['author.bio', 'author.name'],
    });
    expect(comments).toMatchObject({ template: 'fragments/comments.njk', line: 1, calls: ['comments()'] });
    expect(comment).toMatchObject({
      template: 'fragments/comment.njk',
      line: 2,
      holes: [{ line: 12, reads: ['token.njk'] }],
    });
  });

  test('tells the names of a type, and of rows whose type is told', async () => {
    const [first, inner, second] = await facts('keys.njk', '-t', 'test/cli/explained');
    expect(first).toMatchObject({
      names: ['*', 'Article', 'Article:*', 'Article:@*'],
      keys: ['"side bar"', '(page.number + 1)'],
      keywords: { when: 'page.isOpen', stale: '"1m"' },
      depends: ['page.author', '"sidebar"'],
      compared: ['lang', 'page.author', 'page.inner', 'page.isOpen', 'rows[*].title'],
    });
    expect(inner).toMatchObject({ depends: ['page.inner'], names: ['*', 'Inner', 'Inner:*', 'Inner:@*'] });
    expect(second?.names).toEqual(['*', 'Comment', 'Comment:=id(page.comment)']);
    expect(second?.belowModels).toEqual(['page.comment.text']);
  });

  test('tells what the page’s own names are behind those that a body gives', async () => {
    const [told] = await facts('aliases.njk', '-t', 'test/cli/explained');
    expect(told?.belowModels).toEqual(['article.author.name']);
    expect(told?.compared).toEqual([
      'currency',
      'dictionary[*].text',
      'groups[*].name',
      'lang',
      'page.chief.name',
      'prices[*].gross',
    ]);
  });

  test('tells what the body then reads on a page, and by which it is compared', async () => {
    const [told] = await facts('reads.njk', '-t', 'test/cli/explained');
    const reports: FragmentReport[] = [];
    const sweeper = new CacheSweeper({ onRender: ({ fragments }) => reports.push(...fragments) });
    const loader = new nunjucks.FileSystemLoader(`${root}test/cli/explained`);
    const env = sweeper.install(new nunjucks.Environment(loader));
    await renderPage(env, 'reads.njk', {
      lang: 'en',
      site: { name: 'Site', footer: { text: 'Footer', year: 2026 } },
      groups: [{ name: 'a', rows: [{ title: 'x', tags: ['t'] }] }],
      article: { id: 1, title: 'Title' },
    });
    expect(reports).toMatchObject([{ outcome: 'miss' }]);
    expect([...(reports[0]?.reads ?? [])].sort()).toEqual(told?.compared);
    expect(told?.belowModels).toEqual(['article.title']);
  });

  test('is read by people: aligned, and no wider than the terminal', async () => {
    const { out, code } = await cli(['explain', 'templates/article.njk'], { columns: 60, env: { NO_COLOR: '1' } });
    expect(code).toBe(0);
    expect(out).toContain('fragments/comment.njk:2  {% cachesweeper comment 3600 %}');
    expect(out).toMatch(/^ {2}hole, line 12 {3}token\.njk$/m);
    expect(out).toMatch(/4 fragments in 9 templates\n$/);
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(60);
  });

  test('of a page with faults it tells what can be told, and the first fault', async () => {
    const { out, err, code } = await cli(['explain', 'holes.njk', '-t', 'test/cli/planted']);
    expect(out).toContain('holes.njk:1  {% cachesweeper article 500 %}');
    expect(err).toContain('holes.njk:4');
    expect(code).toBe(1);
  });

  test('a page that is not there is an error', async () => {
    const { err, code } = await cli(['explain', 'nowhere.njk']);
    expect(err).toBe(
      'error CACHESWEEPER_BAD_OPTION: the page: expected a template that the environment can load, got an error: template not found: nowhere.njk\n',
    );
    expect(code).toBe(2);
  });

  test('a name is that of a template, although a file of the working directory has it as well', async () => {
    const cwd = `${root}test/cli/folders/first`;
    const { out, code } = await cli(['explain', 'page.njk', '-t', '../second'], { cwd });
    expect(out).toContain('page.njk:3  {% cachesweeper ');
    expect(code).toBe(1);
  });
});
