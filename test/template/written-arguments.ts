import fc from 'fast-check';

/** An operand as a template's author writes it, and the value it must have. */
export interface Written {
  readonly text: string;
  /** The text without what stands in quotes: delimiters count only there. */
  readonly bare: string;
  readonly value: unknown;
}

/** What the generated operands name. */
export const context = {
  a: { b: { c: 'deep' }, 'd e': 5, list: ['x', 'y'] },
  l: [10, 20, 30],
  n: 7,
  text: 'some text',
  yes: true,
  no: false,
  _$ü: 'odd name',
  tell: (...args: unknown[]) => told('tell', args),
  o: { method: (...args: unknown[]) => told('method', args) },
};

export const filters = {
  up: (value: unknown) => `up(${told('value', [value])})`,
  with: (value: unknown, ...args: unknown[]) => told('with', [value, ...args]),
};

function told(name: string, args: readonly unknown[]): string {
  return `${name}(${JSON.stringify(args)})`;
}

const literally = (text: string, value: unknown): Written => ({ text, bare: text, value });

const quoted = fc
  .tuple(
    fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 6 }),
      fc.constantFrom(
        '%}',
        '}}',
        '{% x %}',
        '-%}',
        ',',
        ' ',
        '|',
        '=',
        "it's",
        'say "x"',
        'a\nb',
        '\\',
        '{#',
        '%>',
        ']]',
      ),
    ),
    fc.constantFrom('"', "'"),
  )
  .map(([value, quote]): Written => {
    const escaped = value.replaceAll('\\', '\\\\').replaceAll(quote, `\\${quote}`);
    return { text: `${quote}${escaped}${quote}`, bare: '""', value };
  });

const literal: fc.Arbitrary<Written> = fc.oneof(
  quoted,
  fc.nat().map((value) => literally(String(value), value)),
  fc.tuple(fc.nat(999), fc.nat(999)).map(([whole, part]) => literally(`${whole}.${part}`, Number(`${whole}.${part}`))),
  fc.constantFrom(
    literally('true', true),
    literally('false', false),
    literally('none', null),
    literally('null', null),
    literally('r/a b/gi', /a b/gi),
  ),
);

const name: fc.Arbitrary<Written> = fc.constantFrom(
  literally('a.b.c', 'deep'),
  literally('a["b"].c', 'deep'),
  { text: 'a["d e"]', bare: 'a[""]', value: 5 },
  literally('a.list[ 1 ]', 'y'),
  literally('l', [10, 20, 30]),
  literally('l[0]', 10),
  literally('l[n - 6]', 20),
  literally('text', 'some text'),
  literally('_$ü', 'odd name'),
  literally('notThere', undefined),
  literally('a.nor.this', undefined),
);

/** Spaces where they mean nothing. */
const optional = fc.constantFrom('', '', '', ' ', '  ', '\n', '\t', '\r\n', '\u00a0');

/** Items between brackets, with commas. */
function between(
  open: string,
  items: readonly string[],
  close: string,
  [first = '', ...spaces]: readonly string[],
): string {
  const [one = '', two = ''] = spaces;
  return `${open}${first}${items.join(`${one},${two}`)}${two}${close}`;
}

const spacing = fc.array(optional, { minLength: 3, maxLength: 3 });

const { operand } = fc.letrec<{ operand: Written; base: Written }>((tie) => {
  const some = fc.array(tie('operand'), { maxLength: 3, depthIdentifier: 'operand' });
  const texts = (items: readonly Written[], key: 'text' | 'bare') => items.map((item) => item[key]);
  const both = (make: (key: 'text' | 'bare') => string, value: unknown): Written => ({
    text: make('text'),
    bare: make('bare'),
    value,
  });
  const list = fc.tuple(some, spacing).map(([items, spaces]) =>
    both(
      (key) => between('[', texts(items, key), ']', spaces),
      items.map(({ value }) => value),
    ),
  );
  const dict = fc.tuple(some, spacing).map(([items, spaces]) =>
    both(
      (key) =>
        between(
          '{',
          items.map((item, i) => `${i % 2 ? `'k ${i}'` : `k${i}`}:${spaces[0]}${item[key]}`),
          '}',
          spaces,
        ),
      Object.fromEntries(items.map(({ value }, i) => [i % 2 ? `k ${i}` : `k${i}`, value])),
    ),
  );
  const call = fc.tuple(fc.constantFrom('tell', 'o.method'), some, spacing).map(([which, items, spaces]) =>
    both(
      (key) => between(`${which}(`, texts(items, key), ')', spaces),
      told(
        which.replace('o.', ''),
        items.map(({ value }) => value),
      ),
    ),
  );
  const inParentheses = fc
    .tuple(
      tie('operand'),
      tie('operand'),
      spacing,
      fc.constantFrom<readonly [string, (a: unknown, b: unknown) => unknown]>(
        ['A', (a) => a],
        ['(A)', (a) => a],
        ['not A', (a) => !a],
        ['-n', () => -7],
        ['A if yes else B', (a) => a],
        ['A if no else B', (_a, b) => b],
        ['n - 5', () => 2],
        ['n -5', () => 2],
        ['n%4', () => 3],
        ['l [0]', () => 10],
        ['tell (n)', () => told('tell', [7])],
        ['n > 3 and n<9', () => true],
        ['n in l', () => false],
        ['n is odd', () => true],
        ['"x" ~ n', () => 'x7'],
        ['[A , B]', (a, b) => [a, b]],
      ),
    )
    .map(([a, b, [before, after], [shape, value]]) =>
      both(
        (key) => `(${before}${shape.replace(/\bA\b/, () => a[key]).replace(/\bB\b/, () => b[key])}${after})`,
        value(a.value, b.value),
      ),
    );
  const filtered = fc
    .tuple(tie('base'), fc.constantFrom('up', 'with', 'with()'), some, spacing)
    .map(([item, filter, items, spaces]) => {
      const args = filter === 'with()' ? items : [];
      return both(
        (key) => {
          const called = filter === 'with()' ? between('with(', texts(args, key), ')', spaces) : filter;
          return `${item[key]}${spaces[0]}|${spaces[1]}${called}`;
        },
        filter === 'up' ? filters.up(item.value) : filters.with(item.value, ...args.map(({ value }) => value)),
      );
    });
  return {
    base: fc.oneof({ depthSize: 'small', depthIdentifier: 'operand' }, literal, name, call, list, dict, inParentheses),
    operand: fc.oneof({ depthSize: 'small', depthIdentifier: 'operand' }, tie('base'), filtered),
  };
});

export { operand };

export interface Delimiters {
  readonly blockStart: string;
  readonly blockEnd: string;
  readonly variableStart: string;
  readonly variableEnd: string;
  readonly commentStart: string;
  readonly commentEnd: string;
}

export const delimiters: fc.Arbitrary<Delimiters> = fc
  .constantFrom(
    ['{%', '%}', '{{', '}}', '{#', '#}'],
    ['<%', '%>', '<$', '$>', '<#', '#>'],
    ['[%', '%]', '[[', ']]', '[#', '#]'],
    ['(%', '%)', '((', '))', '(#', '#)'],
    ['<%', '%>', '{=', '=}', '<!--', '-->'],
  )
  .map(([blockStart, blockEnd, variableStart, variableEnd, commentStart, commentEnd]) => {
    return { blockStart, blockEnd, variableStart, variableEnd, commentStart, commentEnd } as Delimiters;
  });

/** White space between operands, or a comma, or both. */
export const separator = fc.oneof(
  fc.constantFrom(' ', '  ', '\n', '\t', '\r\n', ' \u00a0'),
  fc.tuple(optional, optional).map(([before, after]) => `${before},${after}`),
);
