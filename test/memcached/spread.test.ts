import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Spread } from '../../src/stores/memcached/spread.ts';

const KEYS = Array.from({ length: 20_000 }, (_, i) => `e:site:1:comment.njk#0@QpXaZr4qv1V8t3nC:Comment:=${i}@token:[]`);
const server = fc.tuple(fc.stringMatching(/^[a-z][a-z0-9-]{0,15}$/), fc.integer({ min: 1, max: 65_535 }));
const servers = (count: number) =>
  fc.uniqueArray(
    server.map(([host, port]) => `${host}:${port}`),
    { minLength: count, maxLength: count },
  );

/** Where keys are, by the server's name. */
function places(labels: readonly string[]): (string | undefined)[] {
  const spread = new Spread(labels);
  return KEYS.map((key) => labels[spread.server(key)]);
}

test('from 4 to 3 servers a quarter of the entries move, those of the server that is gone', () => {
  fc.assert(
    fc.property(servers(4), fc.nat(3), (four, gone) => {
      const before = places(four);
      const after = places(four.toSpliced(gone, 1));
      const moved = before.filter((place, i) => place !== after[i]);
      expect(new Set(moved)).toEqual(new Set([four[gone]]));
      expect(moved.length / KEYS.length).toBeGreaterThan(0.22);
      expect(moved.length / KEYS.length).toBeLessThan(0.28);
    }),
    { numRuns: 50 },
  );
});

test('entries are spread evenly, over servers with names that hardly differ too', () => {
  for (const count of [2, 3, 4, 8, 16]) {
    const labels = Array.from({ length: count }, (_, i) => `127.0.0.1:${11_211 + i}`);
    const there = places(labels);
    for (const label of labels) {
      const share = (there.filter((place) => place === label).length * count) / KEYS.length;
      expect(share, `${label} of ${count}`).toBeGreaterThan(0.85);
      expect(share, `${label} of ${count}`).toBeLessThan(1.15);
    }
  }
});

test('the order of the list does not matter', () => {
  fc.assert(
    fc.property(
      servers(5).chain((labels) => fc.tuple(fc.constant(labels), fc.shuffledSubarray(labels, { minLength: 5 }))),
      ([labels, shuffled]) => {
        expect(places(shuffled)).toEqual(places(labels));
      },
    ),
    { numRuns: 20 },
  );
});
