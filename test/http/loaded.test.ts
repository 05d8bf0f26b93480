import { expect, test } from 'vitest';
import { Body } from '../../src/render/body.ts';
import { Loaded } from '../../src/render/loaded.ts';

test('code that loads for ever remembers what a page can depend on, and then that none can', () => {
  const loaded = new Loaded();
  for (let i = 0; i < 5_000; i++) {
    const part = new Body();
    part.dependencies.add(`Article:=${i}`, 'token');
    loaded.add(part);
  }
  const body = new Body();
  loaded.addTo(body);
  expect(body.uncached).toBe('too many dependencies');
  expect(body.dependencies.tokens.size).toBeLessThan(1_100);
});

test('what may be one visitor’s own is remembered behind that, too', () => {
  const loaded = new Loaded();
  for (let i = 0; i < 1_200; i++) {
    const part = new Body(undefined, i === 1_199 ? 'credentials' : undefined);
    part.dependencies.add(`Article:=${i}`, 'token');
    loaded.add(part);
  }
  const body = new Body();
  loaded.addTo(body);
  expect(body.isPersonal).toBe(true);
});
