import type nunjucks from 'nunjucks';
import { describe, test } from 'vitest';
import { Article } from '../support/models.ts';
import { kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

class List extends Array<string> {
  readonly #lang: string;
  constructor(lang: string) {
    super();
    this.#lang = lang;
  }
  say(): string {
    return this.#lang;
  }
}
class Local extends Date {
  readonly #lang: string;
  constructor(lang: string) {
    super(0);
    this.#lang = lang;
  }
  override toString(): string {
    return this.#lang;
  }
}
const say = () => 'f';

const helpers = (env: nunjucks.Environment) => {
  env.addFilter('keys', (o: object) => Object.keys(o).join());
  env.addFilter('frozen', (o: object) => String(Object.isFrozen(o)));
  env.addFilter('langOf', (o: { lang: string }) => o.lang);
};
const same = <T>(make: (lang: string) => T): (() => T)[] => ['x', 'x', 'y', 'x'].map((lang) => () => make(lang));

const cases: Record<string, readonly [string, readonly (() => unknown)[]]> = {
  'private state of a class that extends Array': ['{{ o.say() }}', same((lang) => new List(lang))],
  'private state of a class that extends Date': ['{{ o }}', same((lang) => new Local(lang))],
  'Symbol.toStringTag': ['{{ o }}', same((lang) => ({ [Symbol.toStringTag]: lang }))],
  'is iterable': ['{{ o is iterable }}', [() => ({}), () => ({ [Symbol.iterator]: [][Symbol.iterator] })]],
  'a symbol and a text as key': ['{{ o | keys }}', [() => ({ 'Symbol(x)': 1 }), () => ({ [Symbol('x')]: 1 })]],
  'a property that is not enumerable': [
    '{{ o | keys }}',
    [true, false].map((enumerable) => () => Object.defineProperty({}, 'x', { value: 1, enumerable })),
  ],
  'frozen or not': ['{{ o | frozen }}', [() => ({ x: 1 }), () => Object.freeze({ x: 1 })]],
  'a property of a function that a filter is handed': [
    '{{ o | langOf }}',
    same((lang) => Object.assign(say, { lang })),
  ],
};

describe.each(kinds)('values, in %s', (kind) => {
  test.each(Object.entries(cases))('%s', async (_what, [body, values]) => {
    const site = new Site(T(body), kind, { helpers });
    for (const make of values) await site.show(() => ({ a: new Article(1), o: make() }));
  });
});
