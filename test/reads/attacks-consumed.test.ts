import type nunjucks from 'nunjucks';
import { describe, expect, test } from 'vitest';
import { F, kindsFor, Site } from './support.ts';

const kinds = kindsFor(import.meta.url);

interface Note {
  isNew: boolean;
  readonly text: string;
}
const notes = (isNew: boolean): Note[] => [{ isNew, text: 'a' }];

/** A row whose methods take something away while a body is rendered. */
class Row {
  readonly id = 1;
  isMine = false;
  notice: string | null = null;
  queue: string[] = [];
  comments: Note[] = [];
  shown?: boolean;
  constructor(more: Partial<Row> = {}) {
    Object.assign(this, more);
  }
  takeNotice() {
    const { notice } = this;
    this.notice = null;
    return notice ?? 'nothing';
  }
  get next() {
    const { isMine } = this;
    this.isMine = false;
    return isMine ? 'edit' : 'read';
  }
  drain() {
    this.queue.length = 0;
    return '';
  }
  markSeen() {
    for (const comment of this.comments) comment.isNew = false;
    return '';
  }
  once() {
    const { shown } = this;
    this.shown = true;
    return shown ? 'again' : 'first';
  }
}

const helpers = (env: nunjucks.Environment) => {
  env.addFilter('badge', (row: Row) => row.next);
  env.addFilter('drained', (row: Row) => row.queue.splice(0).join());
  env.addFilter('seen', (note: Note) => {
    note.isNew = false;
    return note.text;
  });
  env.addGlobal('mark', function (this: { ctx: { row: Row } }) {
    return this.ctx.row.markSeen();
  });
};

describe.each(kinds)('what a body takes away from a model reaches no other visitor, in %s,', (kind) => {
  const apart = (body: string, first: Partial<Row>, second: Partial<Row>) => async () => {
    const site = new Site(F('row', body), kind, { helpers });
    const copy = (more: Partial<Row>) => () => ({ row: new Row(structuredClone(more)) });
    for (const more of [first, second, first, first, second, second]) await site.show(copy(more));
    // What takes nothing away is kept.
    expect(site.outcomes).toEqual(['hit']);
  };
  test('where a method takes a notice', apart('{{ row.takeNotice() }}', { notice: 'Saved, Ann!' }, {}));
  test('where a getter resets a mark', apart('{{ row.next }}', { isMine: true }, {}));
  test('where a filter resets a mark', apart('{{ row | badge }}', { isMine: true }, {}));
  test('where a filter empties a list', apart('{{ row | drained }}', { queue: ['for Ann'] }, {}));
  test('where a method empties a list that was looped over', () =>
    apart('{% for text in row.queue %}{{ text }}{% endfor %}{{ row.drain() }}', { queue: ['for Ann'] }, {})());
  test('where a method empties a list whose length was printed', () =>
    apart('{{ row.queue.length }}{{ row.drain() }}', { queue: ['for Ann'] }, {})());
  const news = '{% for c in row.comments %}{{ "NEW" if c.isNew }}';
  test('where a method resets marks in a list that was looped over', () =>
    apart(`${news}{% endfor %}{{ row.markSeen() }}`, { comments: notes(true) }, { comments: notes(false) })());
  test('where a filter resets marks in a list that is looped over', () =>
    apart(`${news}{{ c | seen }}{% endfor %}`, { comments: notes(true) }, { comments: notes(false) })());
  test('where a global looks the model up, and resets marks', () =>
    apart(`${news}{% endfor %}{{ mark() }}`, { comments: notes(true) }, { comments: notes(false) })());

  // With a store, the second use asks for another key, so the page is run again with the row that was marked.
  if (kind === 'memory')
    test('where a method marks the row for the next use of the tag', async () => {
      const site = new Site(`{% for i in [1, 2] %}${F('row', '{{ row.once() }}')}{% endfor %}`, kind, { helpers });
      for (let i = 0; i < 3; i++) await site.show(() => ({ row: new Row() }));
    });
  test('and the report says why nothing is stored', async () => {
    const site = new Site(F('row', '{{ row.takeNotice() }}'), kind, { helpers });
    await site.show(() => ({ row: new Row({ notice: 'Saved, Ann!' }) }));
    expect(site.outcomes).toEqual(['unseen']);
    expect(site.unseen).toMatch('a model changes while the body is rendered: `notice` of Row;');
  });

  test('not so what the row keeps in a private field, such as a log that goes on', async () => {
    const log: string[] = [];
    class Logged {
      readonly id = 1;
      readonly #log = log;
      title() {
        return `Title ${this.#log.push('title') > 0}`;
      }
    }
    class Logging extends Logged {
      readonly log = log;
    }
    for (const [row, outcome] of [
      [new Logged(), 'hit'],
      [new Logging(), 'unseen'],
    ] as const) {
      const site = new Site(F('row', '{{ row.title() }}'), kind, { helpers });
      for (let i = 0; i < 2; i++) await site.show(() => ({ row }));
      expect(site.outcomes).toEqual([outcome]);
    }
  });
});
