import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sized } from '../support/long.ts';
import { sites } from './running.ts';
import { frameworks, type Handler } from './sites.ts';

/** Pages, each with a few visitors. */
const RUNS = sized(40, 2_500, 120);
/** What templates and encoders make of a value. */
const SPELLINGS: readonly ((value: string) => string)[] = [
  (value) => value,
  encodeURIComponent,
  (value) => value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;'),
  (value) => JSON.stringify(value),
  (value) => Buffer.from(value).toString('base64'),
  (value) => value.toUpperCase(),
  (value) => value.toLowerCase(),
  (value) => value.slice(0, 12),
  (value) => value.slice(-9),
];

const AWKWARD = [...'aB1$&+/=%"<.-_\'\\x`(*'];
/** Values as packages make them, of one kind with any signs, and of any kind. */
const shapes = [
  fc.stringMatching(/^[0-9a-f]{32}$/),
  fc.stringMatching(/^[0-9a-zA-Z_-]{24}$/),
  fc.stringMatching(/^[0-9a-zA-Z+/]{22}==$/),
  fc.shuffledSubarray(AWKWARD, { minLength: AWKWARD.length }).map((signs) => signs.join('')),
  fc.array(fc.constantFrom(...AWKWARD), { minLength: 16, maxLength: 18 }).map((signs) => signs.join('')),
];
const visitors = fc
  .constantFrom(...shapes)
  .chain((shape) => fc.array(fc.record({ csrf: shape, nonce: shape }), { minLength: 2, maxLength: 4 }));

const name = fc.constantFrom('csrf' as const, 'nonce' as const);
const piece = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(...['<p>', '</p>', '"', '=', '+', '/', '&amp;', '%2B', 'ü', '漢字', '😀', 'page']),
  },
  { weight: 4, arbitrary: fc.record({ of: name, how: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ of: name, how: fc.nat(SPELLINGS.length - 1) }) },
);
type Visitor = { readonly csrf: string; readonly nonce: string };
type Piece = string | { readonly of: 'csrf' | 'nonce'; readonly how: number };

const pageOf = (pieces: readonly Piece[], values: Visitor): string =>
  pieces.map((each) => (typeof each === 'string' ? each : SPELLINGS[each.how]!(values[each.of]))).join('');

describe.each(frameworks)('%s: random pages with values that are replaced', (_name, start) => {
  const running = sites(start, () => ({}));

  test('nobody gets a byte that the handler would not have sent them', async () => {
    let now: { pieces: readonly Piece[]; header: readonly Piece[]; values: Visitor } | undefined;
    const handler: Handler = (call) => {
      const { pieces, header, values } = now!;
      call.set('X-Header', encodeURI(pageOf(header, values)));
      call.set('X-Plain', pageOf(header, values).replace(/[^\x20-\x7e]/g, ''));
      call.send(`<!-- -->${pageOf(pieces, values)}`);
    };
    const options = { replace: () => now!.values } as object;
    const { get } = await running([{ path: '/:page', handler, options }]);
    let count = 0;
    let hits = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { maxLength: 8 }),
        fc.array(piece, { maxLength: 3 }),
        visitors,
        async (pieces, header, all) => {
          const path = `/${++count}`;
          for (const values of all) {
            now = { pieces, header, values };
            const { text, cache, headers } = await get(path);
            expect(text).toBe(`<!-- -->${pageOf(pieces, values)}`);
            const plain = pageOf(header, values).replace(/[^\x20-\x7e]/g, '');
            expect(String(headers['x-plain'] ?? '')).toBe(plain.trim());
            expect(headers['cache-control']).toBe('private, no-cache');
            if (cache === 'hit') hits++;
          }
        },
      ),
      { numRuns: RUNS },
    );
    // The cache has answered some of them.
    expect(hits).toBeGreaterThan(RUNS / 3);
  });
});
