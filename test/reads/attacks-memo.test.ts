import type nunjucks from 'nunjucks';
import { describe, expect, test } from 'vitest';
import { F, kindsFor, Site } from './support.ts';

const kinds = kindsFor(import.meta.url);

/** A date of a library, which keeps what it has computed. */
class Day {
  week: object | null = null;
  get weekNumber() {
    this.week ??= { number: 7 };
    return 7;
  }
}
class Row {
  readonly id = 1;
  readonly first = 'A';
  readonly day = new Day();
  declare _full?: string;
  declare html?: string;
  readonly isMine: boolean;
  constructor(isMine = true) {
    this.isMine = isMine;
  }
  get full() {
    this._full ??= `${this.first}${this.isMine ? '!' : '?'}`;
    return this._full;
  }
  name() {
    return this.full;
  }
}
const helpers = (env: nunjucks.Environment) => {
  env.addFilter('md', (row: Row) => {
    row.html ??= `<p>${row.first}${row.isMine ? '!' : '?'}</p>`;
    return row.html;
  });
  env.addFilter('week', ({ day }: Row) => day.weekNumber);
};

describe.each(kinds)('a fragment, in %s, is found again where', (kind) => {
  const found = (body: string) => async () => {
    const site = new Site(F('row', body), kind, { helpers });
    site.sweeper.register(Row, {});
    for (const isMine of [true, false, true, false]) await site.show(() => ({ row: new Row(isMine) }));
    expect(site.outcomes).toEqual(['hit']);
    // A row that has been used before is another one at most once.
    const used = new Row();
    for (let i = 0; i < 3; i++) await site.show(() => ({ row: used }));
    expect(site.outcomes).toEqual(['hit']);
  };
  test('a getter of the model keeps its result', found('{{ row.full }}'));
  test('a method of the model keeps its result', found('{{ row.name() }}'));
  test('a filter keeps its result on the model', found('{{ row | md }}'));
  test('a date below the model keeps what a getter computes', found('{{ row.day.weekNumber }}'));
  test('a date below the model keeps what a filter asks for', found('{{ row | week }}'));
  test('two of them do', found('{{ row | md }}{{ row.day.weekNumber }}{{ row.full }}'));
});
