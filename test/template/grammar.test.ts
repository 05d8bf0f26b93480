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

  const BODY = '{% endcachesweeper %}';
  test.each([
    ['comment 500 -1', 29, 'the operator "-" needs parentheses around its expression here: write (a - b) or (-1)'],
    ['comment 500 1 + 2', 31, 'the operator "+" needs parentheses around its expression here: write (a + b) or (+1)'],
    ['comment 500 x ~ "a"', 31, 'the operator "~" needs parentheses around its expression here: write (a ~ b) or (~1)'],
    [
      'comment 500 x == 1',
      31,
      'the operator "==" needs parentheses around its expression here: write (a == b) or (==1)',
    ],
    ['comment 500 x not b', 31, 'the operator "not" needs parentheses around its expression here: write (… not …)'],
    [
      'comment 500 "a" if b else "c"',
      33,
      'the operator "if" needs parentheses around its expression here: write (… if …)',
    ],
    ['comment 500 x is odd', 31, 'the operator "is" needs parentheses around its expression here: write (… is …)'],
    ['comment 500 x in l', 31, 'the operator "in" needs parentheses around its expression here: write (… in …)'],
    ['comment 500 x .y', 31, 'no space is allowed before "." here'],
    ['comment 500 x. y', 30, 'expected a name behind ".", got " "'],
    ['| upper 500', 17, 'a filter without a value before it'],
    ['comment 500 x |', 31, undefined],
    ['comment 500 ()', 29, undefined],
    ['comment 500 ("a", "b")', 29, 'parentheses hold one expression here: write a list as [a, b]'],
    ['comment 500 "a""b"', 32, 'write a space or a comma before "b"'],
    ['comment 500 (a', 29, 'the bracket "(" is not closed'],
    ['comment 500 a)', 30, undefined],
    ['comment 500 "a",', 32, 'a comma at the end: an operand is missing behind it'],
    ['comment 500,, "a"', 29, 'a comma without an operand before it'],
    [', comment 500', 17, 'a comma without an operand before it'],
    ['', 4, 'cachesweeper expected a model and a ttl: {% cachesweeper comment 500 "comment.njk" %}'],
    ['comment', 4, 'cachesweeper expected a ttl behind the model: {% cachesweeper comment 500 "comment.njk" %}'],
    ['comment 500 when=a when=b', 36, 'the keyword when= is given twice'],
    ['comment 500 ttl=5', 29, 'unknown keyword ttl=: expected one of type=, using=, when='],
    ['comment 500 when=', 29, 'a value is missing behind when='],
    ['comment 500 when=a "b"', 36, 'an operand stands behind when=: put operands first'],
    ['comment 500 a.b=1', 32, undefined],
    ['comment 500 when==a', 33, undefined],
  ])('are refused with their place: %s', async (args, column, message) => {
    const error = await failure(site(`\n{% cachesweeper ${args} %}${BODY}`).render(context()));
    expect(error).toMatchObject({ code: 'CACHESWEEPER_BAD_TAG' });
    expect(error.message).toContain(`(page.njk) [Line 2, Column ${column}]`);
    if (message !== undefined) expect(error.message.split('\n  ')[1]).toBe(message);
  });

  test.each([
    [
      '{% cachesweeper comment 500 %}x',
      'cachesweeper is not closed: write {% endcachesweeper %} where the fragment ends',
    ],
    ['x{% endcachesweeper %}', 'endcachesweeper without the cachesweeper it ends'],
    ['{% cachesweeper comment 500', 'the tag cachesweeper is not closed'],
    ['{% cachesweeper comment 500 }}x{% endcachesweeper %}', 'the tag cachesweeper is not closed'],
    ['{% depends %}', 'depends expected models, classes or names of types: {% depends author %}'],
    ['{% depends comment when=1 %}', 'unknown keyword when=: expected one of type='],
  ])('%s', async (source, message) => {
    const error = await failure(site(source).render(context()));
    expect(error).toMatchObject({ code: 'CACHESWEEPER_BAD_TAG' });
    expect(error.message.split('\n  ')[1]).toBe(message);
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
