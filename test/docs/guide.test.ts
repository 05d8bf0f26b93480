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

/** The line of the guide that makes a sweeper with options, and what it prints. */
function reported(source: string, contexts: readonly object[]): unknown[] {
  const code = codeBlocks('docs/guide.md', 'ts').find((block) => block.includes('onRender'))!;
  const printed: unknown[] = [];
  const console = { log: (...values: unknown[]) => printed.push(values) };
  const sweeper: CacheSweeper = new Function('CacheSweeper', 'console', `${code}\nreturn sweeper;`)(
    CacheSweeper,
    console,
  );
  const env = sweeper.install(new nunjucks.Environment(new ObjectLoader({ 'page.njk': source }) as nunjucks.ILoader));
  for (const context of contexts) env.render('page.njk', { article: new Article(), ...context });
  return printed;
}

test('the first hit is seen on the second page, and what keeps missing tells what it is compared by', () => {
  const source = codeBlocks('docs/guide.md', 'njk')[0]!;
  const fragment = (outcome: string, reads: readonly string[] = []) => [
    'page.njk',
    [expect.objectContaining({ outcome, reads })],
  ];
  expect(reported(source, [{}, {}])).toEqual([fragment('miss'), fragment('hit')]);
  const timed = source.replace('<h1>', '<h1>{{ now }}');
  expect(reported(timed, [{ now: 1 }, { now: 2 }])).toEqual([fragment('miss', ['now']), fragment('miss', ['now'])]);
  expect(reported('without a tag', [{}])).toEqual([['page.njk', []]]);
});

test('an environment of a test needs a sweeper of its own, which may be switched off', () => {
  const source = '{% cachesweeper "T" 500 %}x{% endcachesweeper %}';
  const [, message] = /`(unknown block tag: \w+)`/.exec(readPage('docs/guide.md'))!;
  expect(readPage('docs/errors.md')).toContain(message);
  const env = new nunjucks.Environment(null);
  expect(() => env.renderString(source, {})).toThrow(message);
  new CacheSweeper({ enabled: false }).install(env);
  expect(env.renderString(source, {})).toBe('x');
});
