import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CommentPlaces } from '../../src/panel/marks/comment-places.ts';
import { inserted } from '../../src/panel/marks/insertions.ts';
import { marksOf } from '../../src/panel/marks/marked-html.ts';
import { runs } from '../support/long.ts';
import { html } from './random-html.ts';

interface Use {
  readonly number: number;
  readonly html: string;
  readonly inside: readonly Use[];
}

/** Uses in the order of their numbers: html, or html and what is inside. */
function uses(...given: readonly (string | readonly [string, ...string[]])[]): Use[] {
  let number = 0;
  return given.map((one) => {
    const [text, ...inside] = typeof one === 'string' ? [one] : one;
    return {
      number: number++,
      html: text,
      inside: inside.map((each) => ({ number: number++, html: each, inside: [] })),
    };
  });
}

function marked(page: string, printed: readonly Use[]): string {
  return inserted(page, marksOf(page, new CommentPlaces(page), printed, 's').insertions);
}

function short(page: string, printed: readonly Use[]): string {
  return marked(page, printed).replace(/<!--(\/?)cs:s:(\d+)-->/g, (_, end, number) => (end ? ']' : `[${number} `));
}

test.each<[string, string, Use[], string]>([
  ['each of several', '<p>a</p><p>b</p>', uses('<p>a</p>', '<p>b</p>'), '[0 <p>a</p>][1 <p>b</p>]'],
  ['equal ones, if there are as many', '<i>x</i>-<i>x</i>', uses('<i>x</i>', '<i>x</i>'), '[0 <i>x</i>]-[1 <i>x</i>]'],
  [
    'none of equal ones, if more are there',
    '<i>x</i>-<i>x</i>-<i>x</i>',
    uses('<i>x</i>', '<i>x</i>'),
    '<i>x</i>-<i>x</i>-<i>x</i>',
  ],
  [
    'one that is told apart by its neighbours',
    '5 <b>1</b>5<b>2</b> 5',
    uses('<b>1</b>', '5', '<b>2</b>'),
    '5 [0 <b>1</b>][1 5][2 <b>2</b>] 5',
  ],
  ['not text inside of another', '<b>5</b> 5', uses('<b>5</b>', '5'), '[0 <b>5</b>] [1 5]'],
  [
    'those inside of one',
    '<ul><li>a<li>b</ul>',
    uses(['<ul><li>a<li>b</ul>', '<li>a', '<li>b']),
    '[0 <ul>[1 <li>a][2 <li>b]</ul>]',
  ],
  ['one that is all of another', 'x<p>a</p>', uses(['<p>a</p>', '<p>a</p>']), 'x[0 [1 <p>a</p>]]'],
  ['not what a filter has changed', '<p>A</p>', uses('<p>a</p>'), '<p>A</p>'],
  ['not white space', '<p> </p>', uses(' '), '<p> </p>'],
])('marks are put around %s', (_, page, printed, expected) => {
  expect(short(page, printed)).toBe(expected);
});

test.each<[string, string]>([
  ['a tag', '<p title="a > @b">'],
  ['an attribute without quotes', '<p title=@b>'],
  ['a tag that does not end', '<p title="@b'],
  ['a textarea', '<textarea>@b</textarea>'],
  ['an empty textarea', '<textarea>@</textarea>'],
  ['a title', '<TITLE>a @b</Title >'],
  ['a script', '<script>if (a < @b) "</p>"</script>'],
  ['a script that hides its end', '<script><!--<script></script>@b'],
  ['a style', '<style>a::after { content: "@b" }</style>'],
  ['noscript', '<noscript><p>@b</p></noscript>'],
  ['a comment', '<!-- a > @b -->'],
  ['a comment that does not end', '<!-- a > @b'],
  ['a declaration', '<!doctype html@b>'],
  ['CDATA', '<svg><![CDATA[ a @b ]]></svg>'],
  ['what follows CDATA with a >', '<svg><![CDATA[ a > b ]]></svg>@'],
  ['a character reference', 'a &am@p; b'],
  ['a line break', 'a\r@\nb'],
  ['the line break that pre drops', '<pre>@\nb</pre>'],
  ['what follows html in a title of svg', '<svg><title><g/></title></svg>@'],
  ['CDATA of an svg whose last attribute ends with a slash', '<svg a=b/><![CDATA[ a > @b ]]></svg>'],
  ['front of a byte order mark', '@\uFEFF<!doctype html>'],
  ['plaintext', '<plaintext><p>@b'],
])('no comment can stand in %s', (_, page) => {
  const at = page.indexOf('@');
  expect(new CommentPlaces(page.replace('@', '')).has(at)).toBe(false);
});

test.each<[string, string]>([
  ['the beginning', '@<!doctype html>'],
  ['the end', '<p>a</p>@'],
  ['the end of a comment', '<!-- a -->@<p>'],
  ['short comments', '<!-->@<p>'],
  ['a script', '<script>a < b</script>@<p>'],
  ['a quote in an attribute of the other kind', `<p title='"'>@<p title="'">`],
  ['a title of svg', '<svg><title>a</title>@<g/></svg>'],
  ['an svg that is its own end tag', '<svg a="b"/><textarea><p></textarea>@'],
  ['pre', '<pre>@b</pre>'],
  ['a lone <', 'a < b @'],
  ['an ampersand', 'a & b@'],
])('a comment can stand behind %s', (_, page) => {
  const at = page.indexOf('@');
  expect(new CommentPlaces(page.replace('@', '')).has(at)).toBe(true);
});

test('a script with many comments takes no longer than another', () => {
  // Looking for `<script` behind each of these would take hours.
  const page = `<script>${'<!-- '.repeat(700_000)}</script>`;
  expect(new CommentPlaces(page).has(page.length)).toBe(true);
});

test('without its marks a page is what it was, whatever is on it', () => {
  fc.assert(
    fc.property(fc.array(html, { maxLength: 12 }), fc.infiniteStream(fc.boolean()), (parts, chosen) => {
      const page = parts.join('');
      const printed: Use[] = parts
        .filter(() => chosen.next().value)
        .map((part, number) => ({ number, html: part, inside: [] }));
      const places = new CommentPlaces(page);
      const { insertions, marked: numbers } = marksOf(page, places, printed, 's');
      const text = inserted(page, insertions);
      expect(text.replace(/<!--\/?cs:s:\d+-->/g, '')).toBe(page);
      for (const number of numbers) {
        const part = (printed[number] as Use).html;
        expect(text.replace(new RegExp(`<!--/?cs:s:(?!${number}-)\\d+-->`, 'g'), '')).toContain(
          `<!--cs:s:${number}-->${part}<!--/cs:s:${number}-->`,
        );
      }
    }),
    runs(300, 20_000, 3_000),
  );
});
