import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { expect, test } from 'vitest';
import { ObjectLoader } from '../support/loaders.ts';
import { codeBlocks, readPage } from './code-blocks.ts';

class Article {
  readonly id = 1;
  readonly title = 'On caching';
  readonly text = 'Text';
}

function rendering(source: string) {
  const outcomes: string[] = [];
  const sweeper = new CacheSweeper({
    onRender: ({ fragments }) => outcomes.push(...fragments.map(({ outcome }) => outcome)),
  });
  const env = sweeper.install(new nunjucks.Environment(new ObjectLoader({ 'page.njk': source }) as nunjucks.ILoader));
  return { outcomes, page: (context: object) => env.render('page.njk', { article: new Article(), ...context }) };
}

/** The page as Nunjucks renders it without the tags. */
function plain(source: string, context: object): string {
  const text = source.replaceAll(/\{%-? *(end)?cachesweeper.*?%\}/g, '');
  return new nunjucks.Environment(null).renderString(text, { article: new Article(), ...context });
}

test('whitespace control at the edge of a body is said at the tag as well, and the page is as before', () => {
  const [, before, after] = /`(\{\{- x -\}\})` becomes `(.*?)`/.exec(readPage('docs/guide.md'))!;
  const { page } = rendering(`a  ${after}  b`);
  expect(page({ x: 'x' })).toBe(plain(`a  ${before}  b`, { x: 'x' }));
});

test('a page with a form keeps its token outside of the fragments, and each visitor gets his own', () => {
  const source = codeBlocks('docs/guide.md', 'njk').find((code) => code.includes('csrfToken'))!;
  const { page, outcomes } = rendering(source);
  for (const csrfToken of ['for Ann', 'for Bob']) expect(page({ csrfToken })).toBe(plain(source, { csrfToken }));
  expect(outcomes).toEqual(['miss', 'miss', 'hit', 'hit']);
  const whole = rendering(
    `{% cachesweeper article 500 %}${source.replaceAll(/\{% (end)?cachesweeper.*?%\}/g, '')}{% endcachesweeper %}`,
  );
  expect(() => whole.page({ csrfToken: 'for Ann' })).toThrow(
    expect.objectContaining({ code: 'CACHESWEEPER_PRIVATE_NAME' }),
  );
});
