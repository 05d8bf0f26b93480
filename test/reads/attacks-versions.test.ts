import { describe, expect, test } from 'vitest';
import { Article } from '../support/models.ts';
import { kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

const a = () => new Article(1);

class Row {
  constructor(id: number, title: string, v: unknown) {
    Object.assign(this, { id, title, v });
  }
}
class DateTime {
  readonly ts: number;
  constructor(ts: number) {
    this.ts = ts;
  }
  valueOf() {
    return this.ts;
  }
}

describe.each(kinds)('register(…, { version }) with a version that is an object, in %s', (kind) => {
  test.each<[string, (n: number) => unknown]>([
    ['a number (holds)', (n) => n],
    ['a Date (holds)', (n) => new Date(n)],
    ['bytes, as rowversion is', (n) => Buffer.from([n])],
    ['a date of a library', (n) => new DateTime(n)],
    ['a String object', (n) => new String(n)],
  ])('%s', async (_what, v) => {
    const site = new Site(T('{% for r in rows %}{{ r.title }}{% endfor %}'), kind);
    site.sweeper.register(Row, { version: 'v' });
    for (const n of [1, 1, 2]) await site.show(() => ({ a: a(), rows: [new Row(1, `t${n}`, v(n))] }));
  });

  test.each([
    ['a method', () => () => 1],
    [
      'a getter that throws',
      () => {
        throw new Error('no version');
      },
    ],
  ])('%s tells nothing, so nothing is stored', async (_what, version) => {
    class Versioned {
      constructor(id: number, title: string) {
        Object.assign(this, { id, title });
      }
      get v() {
        return version();
      }
    }
    const site = new Site(T('{% for r in rows %}{{ r.title }}{% endfor %}'), kind);
    site.sweeper.register(Versioned, { version: 'v' });
    for (const n of [1, 1, 2]) {
      expect(await site.show(() => ({ a: a(), rows: [new Versioned(1, `t${n}`)] }))).toEqual(['unseen']);
    }
  });
});
