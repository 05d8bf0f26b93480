import { describe, expect, test } from 'vitest';
import { failure, site } from './site.ts';
import { visitor } from './visitors.ts';

const context = () => ({
  ...visitor('Ann', 1),
  l: [1, 2],
  x: 'x',
  a: { b: 'c' },
  f: (value: unknown) => `f(${value})`,
});

/** The canonical text of the keys that a tag's arguments give. */
async function keysOf(args: string): Promise<string> {
  const { env, render, keys } = site(`{% cachesweeper ${args} %}{% endcachesweeper %}`);
  env.addGlobal('g', (value: unknown) => `g(${value ?? ''})`);
  await render(context());
  return JSON.parse(keys[0] as string).keys;
}

describe('the arguments of the tag', () => {
  test.each([
    ['article 500', '[]'],
    ['article 500 "a"', '["a"]'],
    ['article 500 "a" "b"', '["a","b"]'],
    ['article, 500, "a", "b"', '["a","b"]'],
    ['article 500, "a" "b"', '["a","b"]'],
    ['article,500,"a","b"', '["a","b"]'],
    ['article 500 a.b', '["c"]'],
    ['article 500 a["b"] l[0]', '["c",1]'],
    ['article 500 g(1) g("a")', '["g(1)","g(a)"]'],
    ['article 500 g(1, 2) g()', '["g(1)","g()"]'],
    ['article 500 [1, 2]', '[[1,2]]'],
    ['article 500 [1, 2] [3]', '[[1,2],[3]]'],
    ['article 500 l [0]', '[[1,2],[0]]'],
    ['article 500 x ("y")', '["x","y"]'],
    ['article 500 { a: 1, b: [2] }', '[{"a":1,"b":[2]}]'],
    ['article 500 x { a: 1 }', '["x",{"a":1}]'],
    ['article 500 (1 + 2)', '[3]'],
    ['article 500 (-1)', '[-1]'],
    ['article 500 (not yes)', '[false]'],
    ['article 500 ("a" if no else "b")', '["b"]'],
    ['article 500 (x | upper)', '["X"]'],
    ['article 500 x | upper', '["X"]'],
    ['article 500 x|upper', '["X"]'],
    ['article 500 x | upper "y"', '["X","y"]'],
    ['article 500 x | upper, "y"', '["X","y"]'],
    ['article 500 x | upper | lower', '["x"]'],
    ['article 500 x | replace("x", "y") "z"', '["y","z"]'],
    ['article 500 "a b" | replace(" ", ",") | upper', '["A,B"]'],
    ['article 500 true none 1.5 "%}"', '[true,null,1.5,"%}"]'],
    ['article 500 \'single\' "double"', '["single","double"]'],
    ['article 500 x when=yes', '["x"]'],
    ['article 500 x, when=yes', '["x"]'],
    ['article 500 x when=(1 == 1)', '["x"]'],
    ['article 500 x when = yes', '["x"]'],
    ['[article, comment] 500 x', '["x"]'],
    ['[article,comment], 500, x', '["x"]'],
    ['article "10m" x', '["x"]'],
    ['article | first 500 x', '["x"]'],
    ['\n  article\n  500\n  x\n', '["x"]'],
  ])('%s', async (args, keys) => {
    if (args.startsWith('article | first')) args = args.replace('article | first', '[article] | first');
    expect(await keysOf(args)).toBe(keys);
  });

  test('give the same key with and without commas', async () => {
    const { env, keys } = site('');
    const body = '{% endcachesweeper %}';
    for (const args of ['article 500 "a" x', 'article, 500, "a", x', 'article 500, "a" x']) {
      await new Promise((resolve) => env.renderString(`{% cachesweeper ${args} %}${body}`, context(), resolve));
    }
    const parts = keys.map((key) => JSON.parse(key).keys);
    expect(parts).toEqual(['["a","x"]', '["a","x"]', '["a","x"]']);
  });

  const operator = (shown: string, example: string) =>
    `the operator "${shown}" needs parentheses around its expression here: write ${example}`;
  test.each([
    ['comment 500 -1', 29, operator('-', '(a - b) or (-1)')],
    ['comment -500', 25, operator('-', '(a - b) or (-1)')],
    ['comment 500 1 + 2', 31, operator('+', '(a + b) or (+1)')],
    ['comment 500 x ~ "a"', 31, operator('~', '(a ~ b)')],
    ['comment 500 x == 1', 31, operator('==', '(a == b)')],
    ['comment 500 x ** 2', 31, operator('**', '(a ** b)')],
    ['comment 500 x not b', 31, operator('not', '(… not …)')],
    ['comment 500 not b', 29, operator('not', '(… not …)')],
    ['comment 500 "a" if b else "c"', 33, operator('if', '(… if …)')],
    ['comment 500 x is odd', 31, operator('is', '(… is …)')],
    ['comment 500 x in l', 31, operator('in', '(… in …)')],
    ['comment 500 when=not b', 34, operator('not', '(… not …)')],
    ['comment 500 when==a', 33, operator('==', '(a == b)')],
    ['comment 500 !b', 29, '"!" is not an operator: write (not a)'],
    ['comment 500 a: 1', 30, '":" belongs in a dict: write { name: value }'],
    ['comment 500 #a', 29, '"#" has no meaning here'],
    ['comment 500 a.b=1', 32, '"=" belongs behind a keyword: type=, using=, when=, until=, stale=, except='],
    ['comment 500 "a"=1', 32, '"=" belongs behind a keyword: type=, using=, when=, until=, stale=, except='],
    ['comment 500 x .y', 31, 'no space is allowed before "." here; a number is written 0.5'],
    ['comment 500 x. y', 30, 'expected a name behind ".", got " "'],
    ['comment 500 x.0', 30, 'expected a name behind ".", got "0"'],
    ['comment .5', 25, 'no space is allowed before "." here; a number is written 0.5'],
    ['.5', 17, 'a name is missing before "."'],
    ['comment 10m', 25, '"10m" is neither a name nor a number: text is written in quotes'],
    ['comment 500 1e5', 29, '"1e5" is neither a name nor a number: text is written in quotes'],
    ['comment 500 x"y"', 29, '"x"y"" is neither a name nor a number: text is written in quotes'],
    ['comment 500 (x&&y)', 30, '"x&&y" is neither a name nor a number: text is written in quotes'],
    ['comment 500 “x”', 29, '"“x”" is neither a name nor a number: text is written in quotes'],
    ['comment\u3000500', 17, '"comment\u3000500" is neither a name nor a number: text is written in quotes'],
    [
      'comment 500 9007199254740993',
      29,
      'the number 9007199254740993 cannot be held exactly: write it as text, in quotes',
    ],
    ['| upper 500', 17, 'a filter without a value before it'],
    ['comment 500 x |', 31, 'expected the name of a filter behind "|", got "%}"'],
    ['comment 500 x | "upper"', 31, 'expected the name of a filter behind "|", got "upper"'],
    ['comment 500 x | f(1)(2)', 37, 'to call what a filter gives, write parentheses around the filter: (x | f(1))(2)'],
    [
      'comment 500 (x | f(1) (2))',
      39,
      'to call what a filter gives, write parentheses around the filter: (x | f(1))(2)',
    ],
    ['comment 500 ()', 29, 'parentheses hold one expression here: write a list as [a, b]'],
    ['comment 500 ("a", "b")', 29, 'parentheses hold one expression here: write a list as [a, b]'],
    ['comment 500 [("a", "b")]', 29, 'parentheses hold one expression here: write a list as [a, b]'],
    ['comment 500 { __proto__: 1 }', 29, 'a dict cannot hold the name "__proto__"'],
    ['comment 500 "a""b"', 32, 'write a space or a comma before "b"'],
    ['comment 500 (a)b', 32, 'write a space or a comma before "b"'],
    ['comment 500 (a', 29, 'the bracket "(" is not closed'],
    ['comment 500 [1, (a]', 35, 'the bracket "(" is closed by "]"'],
    ['comment 500 (1]', 31, 'the bracket "(" is closed by "]"'],
    ['comment 500 a)', 30, 'the bracket ")" closes nothing'],
    ['comment 500 )', 29, 'the bracket ")" closes nothing'],
    [
      'comment 500 {a: {b: 1}}',
      38,
      '"}}" ends a variable, not this tag: write a space inside it where two brackets close, and %} at the end of the tag',
    ],
    [`comment 500 ${'('.repeat(101)}1${')'.repeat(101)}`, 129, 'brackets are nested deeper than 100 levels'],
    [
      'comment 500 [1 2]',
      29,
      'cannot read the operand that starts with "[": parseAggregate: expected comma after expression',
    ],
    ['comment 500 (1 +)', 29, 'cannot read the operand that starts with "(": unexpected token: )'],
    [
      'comment 500 { a 1 }',
      29,
      'cannot read the operand that starts with "{": parseAggregate: expected colon after dict key',
    ],
    ['comment 500 a[1, 2]', 29, 'cannot read the operand that starts with "a": invalid index'],
    ['comment 500 a[]', 29, 'brackets behind a name hold one expression: write a["b"]'],
    ['comment 500 { 1: 2 }', 29, 'a name in a dict is a word or text in quotes: write { "1": value }'],
    ['comment 500 r/(/', 29, undefined],
    ['comment 500 "a",', 32, 'a comma at the end: an operand is missing behind it'],
    ['comment 500,, "a"', 29, 'a comma without an operand before it'],
    [', comment 500', 17, 'a comma without an operand before it'],
    ['', 4, 'cachesweeper expected a model and a ttl: {% cachesweeper comment 500 "comment.njk" %}'],
    ['comment', 4, 'cachesweeper expected a ttl behind the model: {% cachesweeper comment 500 "comment.njk" %}'],
    ['500', 4, 'cachesweeper expected a ttl behind the model: {% cachesweeper comment 500 "comment.njk" %}'],
    ['comment 500 when=a when=b', 36, 'the keyword when= is given twice'],
    ['comment 500 ttl=5', 29, 'unknown keyword ttl=: expected one of type=, using=, when=, until=, stale=, except='],
    ['comment 500 x = 5', 29, 'unknown keyword x=: expected one of type=, using=, when=, until=, stale=, except='],
    ['comment 500 when=', 29, 'a value is missing behind when='],
    ['comment 500 when=, "b"', 29, 'a value is missing behind when='],
    ['comment 500 when=a "b"', 36, 'an operand stands behind when=: put operands first'],
  ])('are refused with their place: %s', async (args, column, message) => {
    const error = await failure(site(`\n{% cachesweeper ${args} %}{% endcachesweeper %}`).render(context()));
    expect(error).toMatchObject({ code: 'CACHESWEEPER_BAD_TAG' });
    expect(error.message).toContain(`(page.njk) [Line 2, Column ${column}]`);
    if (message !== undefined) expect(error.message.split('\n  ')[1]).toBe(message);
  });

  const ttlMessage = (got: string) =>
    `the ttl expected a number of seconds (0 for no expiry) or text such as "10m", got ${got}`;
  test.each([
    ['"10"', 'the string "10"'],
    ['"soon"', 'the string "soon"'],
    ['nothing', 'undefined'],
    ['none', 'null'],
    ['true', 'the boolean true'],
    ['[1]', 'a list of 1'],
  ])('a ttl that is none is refused: %s', async (ttl, got) => {
    const error = await failure(site(`\n{% cachesweeper comment ${ttl} %}{% endcachesweeper %}`).render(context()));
    expect(error).toMatchObject({ code: 'CACHESWEEPER_BAD_TTL' });
    expect(error.message).toBe(`(page.njk) [Line 2, Column 4]\n  ${ttlMessage(got)}`);
  });

  const NOT_CLOSED = 'cachesweeper is not closed: write {% endcachesweeper %}';
  const TAG_OPEN = 'the tag cachesweeper is not closed: write %} at its end; or a quote in it is not closed';
  const TAG_VARIABLE =
    '"}}" ends a variable, not this tag: write a space inside it where two brackets close, and %} at the end of the tag';
  test.each([
    ['{% cachesweeper comment 500 %}x', 1, 4, `${NOT_CLOSED} where the fragment ends`],
    ['\n{% if yes %}{% cachesweeper comment 500 %}x{% endif %}', 2, 16, `${NOT_CLOSED} before {% endif %}`],
    ['{% for x in l %}{% cachesweeper comment 500 %}x{% endfor %}', 1, 20, `${NOT_CLOSED} before {% endfor %}`],
    ['{% if yes %}{% cachesweeper comment 500 %}x{% else %}{% endif %}', 1, 16, `${NOT_CLOSED} before {% else %}`],
    [
      '{% cachesweeper comment 500 %}{% cachesweeper article 500 %}x{% endcachesweeper %}',
      1,
      4,
      `${NOT_CLOSED} where the fragment ends`,
    ],
    ['{% cachesweeper "T" 1 %}'.repeat(51), 1, 1204, 'fragments are nested deeper than 50 levels in one template'],
    ['x{% endcachesweeper %}', 1, 5, 'endcachesweeper without the cachesweeper it ends'],
    ['{% cachesweeper comment 500 %}x{% endcachesweeper comment %}', 1, 35, 'endcachesweeper takes no arguments'],
    ['{% cachesweeper comment 500', 1, 4, TAG_OPEN],
    ['{% cachesweeper comment 500 "a %}x{% endcachesweeper %}', 1, 4, TAG_OPEN],
    ['{% cachesweeper comment 500 }}x{% endcachesweeper %}', 1, 29, TAG_VARIABLE],
    ['{% depends %}', 1, 4, 'depends expected models, classes or names of types: {% depends author %}'],
    ['{% depends comment when=1 %}', 1, 20, 'unknown keyword when=: expected one of type='],
    ['{% depends comment -1 %}', 1, 20, operator('-', '(a - b) or (-1)')],
  ])('%s', async (source, line, column, message) => {
    const error = await failure(site(source).render(context()));
    expect(error).toMatchObject({ code: 'CACHESWEEPER_BAD_TAG' });
    expect(error.message).toBe(`(page.njk) [Line ${line}, Column ${column}]\n  ${message}`);
  });

  test('("a"), 500 means the model "a" and the ttl 500', async () => {
    const { render, keys } = site('{% cachesweeper ("a"), 500 %}x{% endcachesweeper %}');
    await render({});
    expect(JSON.parse(keys[0] as string).models[0].name).toBe('a:*');
  });

  test('a model with a filter, then a ttl: x | upper 500', async () => {
    const { render, keys } = site('{% cachesweeper x | upper 500 %}x{% endcachesweeper %}');
    await render(context());
    expect(JSON.parse(keys[0] as string).models[0].name).toBe('X:*');
  });

  test('a call behind a space is an operand of its own: a.b (c)', async () => {
    expect(await keysOf('article 500 a.b (x)')).toBe('["c","x"]');
  });
});
