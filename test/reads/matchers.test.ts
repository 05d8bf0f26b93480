import type { Environment } from 'nunjucks';
import { describe, test } from 'vitest';
import { isDeep } from '../support/long.ts';
import { Article } from '../support/models.ts';
import { kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

/** Values that print or count alike, or whose texts could be taken for one another. */
const values: readonly unknown[] = [
  null,
  undefined,
  'n',
  'u',
  't',
  true,
  false,
  0,
  -0,
  1,
  '1',
  'd1,',
  's1:1',
  1n,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  '',
  '\ud800',
  '\ufffd',
  'é'.repeat(300),
  `${'x'.repeat(3_000)}1`,
  `${'x'.repeat(3_000)}2`,
];

/** Html goes through a store as UTF-8, which has no half characters: they are written as escapes. */
function shown(value: unknown): string {
  if (typeof value === 'number') return `number ${value} ${1 / value}`;
  return `${typeof value} ${typeof value === 'string' ? JSON.stringify(value) : String(value)}`;
}

// The text of an entry is compared at first, taken apart the second time, and compared in parts from then on.
describe.each(kinds)('what was compared several times, in %s', (kind) => {
  test.each([
    ['a variable', '{{ x | shown }}', 0],
    ['elements of a list', '{% for v in [x, 2] %}{{ v | shown }}{% endfor %}{{ x === undefined }}', 1],
    ['what a function is handed', '{{ box | inside }}', 2],
  ] as const)('is told from every other value: %s', async (_title, body, turn) => {
    const helpers = (env: Environment) => {
      env.addFilter('shown', shown);
      env.addFilter('inside', ({ x }: { x: unknown }) => shown(x));
    };
    // Every day each value is kept by one of the three, because all pairs take seconds. CI tries all.
    for (const kept of values.filter((_, i) => isDeep || i % 3 === turn)) {
      const site = new Site(T(body), kind, { helpers });
      const page = (x: unknown) => () => ({ a: new Article(1), x, box: { x } });
      for (let i = 0; i < 4; i++) await site.show(page(kept));
      for (const other of values) await site.show(page(other));
      await site.show(page(kept));
    }
  });
});
