import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryKeys } from '../../src/render/memory-keys.ts';

const settings = { namespace: '', version: 1 } as ConstructorParameters<typeof MemoryKeys>[0];
const place = (ordinal: number) => ({ template: 'page.njk', digest: 'd', ordinal, line: 1, allowed: [], except: [] });
const identity = fc.record({
  type: fc.constantFrom('Comment', 'Comm', 'ent:=1'),
  id: fc.option(fc.constantFrom('1', '11', '1:7', ''), { nil: undefined }),
});
const use = fc.record({
  tag: fc.nat(2),
  models: fc.array(identity, { minLength: 1, maxLength: 2 }),
  using: fc.constantFrom('[]', '["a"]'),
});

test('memory keys are equal for the same tag, models and attributes, and only then, remembered or not', () => {
  fc.assert(
    fc.property(fc.array(use, { maxLength: 40, size: 'max' }), (uses) => {
      const keys = new MemoryKeys(settings);
      const starts = [0, 1, 2].map((ordinal) => keys.start(place(ordinal), '[]', '[]'));
      const inputs = new Map<string, string>();
      for (const each of uses) {
        const key = keys.of(starts[each.tag] as (typeof starts)[0], each.models, each.using);
        const input = JSON.stringify([each.tag, each.models.map(({ type, id }) => [type, id ?? null]), each.using]);
        expect(inputs.get(key) ?? input).toBe(input);
        expect([...inputs].find(([, known]) => known === input)?.[0] ?? key).toBe(key);
        inputs.set(key, input);
      }
    }),
  );
});

test('memory keys stay the same when more were made than are remembered', () => {
  const keys = new MemoryKeys(settings);
  const start = keys.start(place(0), '["key"]', '["vary"]');
  const of = (id: number) => keys.of(start, [{ type: 'Comment', id: String(id) }], '[]');
  const first = of(1);
  let most = 0;
  for (let id = 0; id < 25_000; id++) {
    of(id);
    most = Math.max(most, start.remembered?.get('Comment')?.size ?? 0);
  }
  expect(of(1)).toBe(first);
  expect(most).toBe(10_000);
});
