import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CountedNames } from '../../src/cache/shared/counted-names.ts';

test('a name is there until it was taken away as often as it was added', () => {
  const step = fc.record({ isAdded: fc.boolean(), name: fc.constantFrom('a', 'b', 'c') });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
      const names = new CountedNames();
      const counts = new Map([...'abc'].map((name) => [name, 0]));
      for (const { isAdded, name } of steps) {
        const count = counts.get(name) as number;
        if (!isAdded && count === 0) continue;
        if (isAdded) names.add(name);
        else names.delete(name);
        counts.set(name, count + (isAdded ? 1 : -1));
        expect([...counts.keys()].filter((each) => names.has(each))).toEqual(
          [...counts].flatMap(([each, left]) => (left > 0 ? [each] : [])),
        );
        expect(names.size).toBe([...counts.values()].filter((left) => left > 0).length);
      }
    }),
  );
});
