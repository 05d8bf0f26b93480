import { createContext, Script } from 'node:vm';
import fc from 'fast-check';
import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sized } from '../support/long.ts';
import { context, filters } from './written-arguments.ts';

// An error in a callback would end the process of a web server.
const uncaught: unknown[] = [];
const remember = (error: unknown) => uncaught.push(error);
beforeAll(() => {
  process.on('uncaughtException', remember);
});
afterAll(() => {
  process.off('uncaughtException', remember);
});

// Only node:vm can end what hangs.
const script = new Script('render()');
const sandbox = { render: (): unknown => undefined };
createContext(sandbox);

/** Renders it; what hangs is ended, and fails the test: no machine is so slow that anything else takes that long. */
async function survive(source: string): Promise<void> {
  const env = new CacheSweeper().install(new nunjucks.Environment(null));
  for (const [name, filter] of Object.entries(filters)) env.addFilter(name, filter);
  let settle: (outcome: unknown) => void = () => {};
  const outcome = new Promise<unknown>((resolve) => {
    settle = resolve;
  });
  sandbox.render = () => env.renderString(source, { ...context }, (error, html) => settle(error ?? html));
  script.runInContext(sandbox, { timeout: 60_000 });
  const given = await outcome;
  expect(typeof given === 'string' || given instanceof Error, String(given)).toBe(true);
  expect(uncaught).toEqual([]);
}

const bytes = fc.uint8Array({ maxLength: 40 }).map((data) => Buffer.from(data).toString('latin1'));
const text = fc.oneof(
  bytes,
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.uint8Array({ maxLength: 40 }).map((data) => Buffer.from(data).toString('utf8')),
  fc.string({ unit: fc.constantFrom(...'()[]{}%|,.="\'\\ \n-~:#/*<>!rn1a'), maxLength: 40 }),
);

test('any bytes as the arguments of a tag give a page or an error', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(text, fc.constantFrom('cachesweeper', 'depends'), (args, tag) =>
      survive(`{% ${tag} ${args} %}x{% endcachesweeper %}`),
    ),
    { numRuns: sized(50, 5_000, 800) },
  );
});

test('any bytes put into a good tag, or in place of a part of it, give a page or an error', {
  timeout: 120_000,
}, async () => {
  const good =
    '{% cachesweeper "T" 500 a.b["c"] tell(n, l) | with(1) { k: [1, (n + 1)] } when=yes %}x{% endcachesweeper %}';
  await fc.assert(
    fc.asyncProperty(text, fc.nat(good.length), fc.nat(8), (inserted, at, length) =>
      survive(good.slice(0, at) + inserted + good.slice(at + length)),
    ),
    { numRuns: sized(50, 5_000, 800) },
  );
});

test.each([
  ['brackets', '('.repeat(50_000)],
  ['brackets that close', `${'['.repeat(50_000)}${']'.repeat(50_000)}`],
  ['commas', ','.repeat(50_000)],
  ['quotes', '"'.repeat(50_001)],
  ['operands', ' 1'.repeat(20_000)],
  ['filters', `"a"${'|up'.repeat(20_000)}`],
  ['lookups', `a${'.b'.repeat(20_000)}`],
  ['a regular expression', `r/${'(a+)+'.repeat(5_000)}/`],
  ['spaces', ' '.repeat(100_000)],
  ['nested tags', `%}${'{% cachesweeper "T" 1 %}'.repeat(2_000)}{% depends "T"`],
  ['tags', `%}${'{% cachesweeper "T" 1 %}{% endcachesweeper %}'.repeat(1_000)}{% depends "T"`],
])(
  'very many %s give a page or an error',
  async (_what, args) => {
    await survive(`{% cachesweeper "T" 500 ${args} %}x{% endcachesweeper %}`);
  },
  120_000,
);
