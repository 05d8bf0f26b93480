import { describe, expect, test } from 'vitest';
import { Article } from '../support/models.ts';
import { kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

const a = () => new Article(1);

/** What TypeScript makes of `#cents` for targets below ES2022. */
const cents = new WeakMap<object, number>();
class Money {
  constructor(n: number) {
    cents.set(this, n);
  }
  toString() {
    return String(cents.get(this));
  }
}

describe.each(kinds)('private state of instances that is in a WeakMap, in %s', (kind) => {
  test.each([
    ['printed', '{{ m }}'],
    ['a method', '{{ m.toString() }}'],
    ['a filter', '{{ m | text }}'],
  ])('%s', async (_how, body) => {
    const site = new Site(T(body), kind, { helpers: (env) => env.addFilter('text', (x: unknown) => `${x}`) });
    for (const n of [1, 1, 2]) await site.show(() => ({ a: a(), m: new Money(n) }));
  });
});

describe.each(kinds)('an instance without data, in %s', (kind) => {
  class Greeter {
    hello() {
      return 'hello';
    }
  }
  const body = T('{{ g.hello() }}');

  test('that is the same on each page is trusted as a function is', async () => {
    const site = new Site(body, kind);
    const g = new Greeter();
    for (const outcome of ['unseen', 'miss', 'hit']) expect(await site.show(() => ({ a: a(), g }))).toEqual([outcome]);
  });

  test('that is made for each page is not stored', async () => {
    const site = new Site(body, kind);
    for (let i = 0; i < 3; i++) expect(await site.show(() => ({ a: a(), g: new Greeter() }))).toEqual(['unseen']);
  });

  test('is told from another', async () => {
    const site = new Site(T('{{ m }}'), kind);
    const [one, two] = [new Money(1), new Money(2)];
    for (const m of [one, two, one, two, one, two]) await site.show(() => ({ a: a(), m }));
    expect(site.outcomes).toEqual(['hit']);
  });
});
