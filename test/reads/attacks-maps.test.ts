import { describe, test } from 'vitest';
import { Article } from '../support/models.ts';
import { kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

class Person {
  readonly id = 5;
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
  get cacheIdentity(): object {
    return { type: 'Person', id: this.id };
  }
  toString(): string {
    return this.name;
  }
}

describe.each(kinds)('a model that is a key of a Map is a dependency, in %s', (kind) => {
  test('printed', async () => {
    const site = new Site(T('{% for k, v in m %}{{ k }}{% endfor %}'), kind);
    await site.show(() => ({ a: new Article(1), m: new Map([[new Person('x'), 1]]) }));
    await site.sweeper.invalidateCacheFor(new Person('y'));
    await site.show(() => ({ a: new Article(1), m: new Map([[new Person('y'), 1]]) }));
  });
});
