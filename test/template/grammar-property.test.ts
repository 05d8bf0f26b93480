import fc from 'fast-check';
import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import { canonicalList } from '../../src/util/canonical.ts';
import { ObjectLoader } from '../support/loaders.ts';
import { sized } from '../support/long.ts';
import {
  context,
  type Delimiters,
  delimiters,
  filters,
  operand,
  separator,
  type Written,
} from './written-arguments.ts';

interface Given {
  readonly models: readonly { readonly name: string }[];
  readonly keys: string;
  readonly using: string;
}

const PLACED = /^\(page\.njk\) \[Line \d+, Column \d+\]\n {2}/;

const row = { id: 3, at: 'now' };

/** What one rendering of a tag with these arguments was given: the parts of its key, or its error. */
function given(args: string, tags?: Delimiters): Given | Error | undefined {
  const [open, close] = [tags?.blockStart ?? '{%', tags?.blockEnd ?? '%}'];
  const source = `\n${open} cachesweeper ${args} ${close}x${open} endcachesweeper ${close}`;
  let parts: Given | undefined;
  const key = (made: Given) => {
    parts = made;
    return JSON.stringify(made);
  };
  const sweeper = new CacheSweeper({ key });
  const options = tags && { tags: tags as Required<nunjucks.ConfigureOptions>['tags'] };
  const env = sweeper.install(new nunjucks.Environment(new ObjectLoader({ 'page.njk': source }) as never, options));
  for (const [name, filter] of Object.entries(filters)) env.addFilter(name, filter);
  try {
    expect(env.render('page.njk', { ...context, row })).toBe('\nx');
  } catch (error) {
    return error as Error;
  }
  return parts;
}

const canonical = (values: readonly unknown[]) => canonicalList(values, 'key');

/** Outside of quotes a delimiter ends the tag, wherever it stands. */
const holdsDelimiter = (operands: readonly Written[], { blockEnd, variableEnd }: Delimiters) =>
  operands.some(({ bare }) => bare.includes(blockEnd) || bare.includes(variableEnd));

describe('arguments, however they are written,', { timeout: 120_000 }, () => {
  test('are the values that were written, or an error with its place', () => {
    let read = 0;
    const list = fc.array(fc.tuple(separator, operand), { maxLength: 5 });
    fc.assert(
      fc.property(list, separator, delimiters, fc.boolean(), (keys, first, tags, keyword) => {
        const operands = keys.map(([, item]) => item);
        const args = `row${first}500${keys.map(([before, { text }]) => before + text).join('')}`;
        const result = given(`${args} type="Row"${keyword ? ' using="at" when=yes' : ''}`, tags);
        if (holdsDelimiter(operands, tags) && result instanceof Error) {
          expect(result.message).toMatch(PLACED);
          return;
        }
        expect(result).toMatchObject({
          models: [{ name: 'Row:=3' }],
          keys: canonical(operands.map(({ value }) => value)),
          using: keyword ? canonical(['now']) : '[]',
        });
        read++;
      }),
      { numRuns: sized(150, 400, 400) },
    );
    expect(read).toBeGreaterThan(sized(40, 200, 200));
  });

  test('are read in each place: the model, the type, the ttl and the condition', () => {
    const text = fc.constantFrom(
      ['"T"', 'T'],
      ["'T'", 'T'],
      ['("T")', 'T'],
      ['"t" | upper', 'T'],
      ['["T"][0]', 'T'],
      ['("T" if yes else "U")', 'T'],
    );
    const seconds = fc.constantFrom(
      ['500', 500],
      ['(400 + 100)', 500],
      ['l[0]', 10],
      ['"2m"', 120],
      ['"1" ~ "m"', 0],
      ['("1" ~ "m")', 60],
      ['1.5', 1.5],
    );
    const condition = fc.constantFrom(
      ['yes', true],
      ['no', false],
      ['(not no)', true],
      ['(n > 9)', false],
      ['l', true],
    );
    fc.assert(
      fc.property(text, text, seconds, condition, separator, (model, type, [ttl, time], [when, caches], between) => {
        let now = 0;
        const source =
          `{% cachesweeper ${model[0]}${between}${ttl} when=${when} %}{{ count() }}{% endcachesweeper %}` +
          `{% cachesweeper row${between}${ttl} type=${type[0]} %}{% endcachesweeper %}`;
        const names: string[] = [];
        const key = (parts: Given) => {
          names.push(...parts.models.map(({ name }) => name));
          return JSON.stringify(parts);
        };
        const sweeper = new CacheSweeper({ now: () => now, key });
        const env = sweeper.install(new nunjucks.Environment(null));
        let runs = 0;
        now = 10_000;
        env.addGlobal('count', () => ++runs);
        const render = () => env.renderString(source, { ...context, row });
        if (time === 0) {
          expect(render).toThrow('the operator "~" needs parentheses');
          return;
        }
        render();
        expect(names).toEqual(caches ? ['T:*', 'T:=3'] : ['T:=3']);
        now += Number(time) * 1_000 - 1;
        render();
        expect(runs).toBe(caches ? 1 : 2);
        now += 1;
        render();
        expect(runs).toBe(caches ? 2 : 3);
      }),
      { numRuns: sized(50, 100, 100) },
    );
  });

  /** Pieces of a tag in no order that makes sense. */
  const soup = fc.array(
    fc.constantFrom(
      ...[' ', ' ', ' ', ' ', ',', 'row', 'n', 'l', 'a', 'text', '.b', '.', '500', '1', '0.5', '"x"', "'y z'", 'true'],
      ...[
        'none',
        '(',
        ')',
        '(',
        ')',
        '[',
        ']',
        '[0]',
        '{',
        '}',
        '{ k: 1 }',
        ':',
        '=',
        '-',
        '+',
        '|',
        '| up',
        '|with(1)',
      ],
      ...['with', 'not', 'if', 'else', 'in', 'is', 'and', '~', '==', '(n)', '(1, 2)', 'when=', '\n', 'r/x/'],
    ),
    { minLength: 1, maxLength: 12 },
  );

  test('mean what Nunjucks makes of each piece between spaces and commas, or are refused', () => {
    let read = 0;
    fc.assert(
      fc.property(soup, (pieces) => {
        const keys = pieces.join('');
        const result = given(`row 500 ${keys} type="Row"`);
        if (result === undefined) return; // a condition that is false: the key was not asked for
        if (result instanceof Error && PLACED.test(result.message)) return;
        const values: unknown[] = [];
        const plain = new nunjucks.Environment(null);
        for (const [name, filter] of Object.entries(filters)) plain.addFilter(name, filter);
        const take = (value: unknown) => values.push(value);
        const operands = cut(keys).map((piece) => piece.replace(/^when=/, ''));
        const evaluate = () => {
          for (const piece of operands) plain.renderString(`{{ take(${piece}) }}`, { ...context, row, take });
        };
        // A filter or function that is not there: Nunjucks says so when it runs.
        if (result instanceof Error) {
          expect(evaluate, result.message).toThrow();
          return;
        }
        evaluate();
        read++;
        if (keys.includes('when=')) return;
        expect(values).toHaveLength(operands.length);
        expect(result.keys).toBe(canonical(values));
      }),
      { numRuns: sized(200, 20_000, 1_500) },
    );
    expect(read).toBeGreaterThan(sized(1, 20, 4));
  });
});

/** Cuts a text at the spaces and commas outside of quotes and brackets; a `|` takes the spaces around it along. */
function cut(text: string): string[] {
  const pieces: string[] = [];
  let piece = '';
  let depth = 0;
  let quote = '';
  for (const character of text.replaceAll(/\s*\|\s*/g, '|').replaceAll(/\s*=\s*/g, '=')) {
    if (quote !== '') quote = character === quote ? '' : quote;
    else if (character === '"' || character === "'") quote = character;
    else if ('([{'.includes(character)) depth++;
    else if (')]}'.includes(character)) depth--;
    if (quote === '' && depth === 0 && /[\s,]/.test(character)) {
      if (piece !== '') pieces.push(piece);
      piece = '';
    } else piece += character;
  }
  return piece === '' ? pieces : [...pieces, piece];
}
