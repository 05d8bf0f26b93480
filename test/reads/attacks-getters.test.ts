import { describe, expect, test } from 'vitest';
import { F, kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

const a = (more: object = {}): object => ({ cacheIdentity: { type: 'A', id: 1 }, ...more });

/** A row as an ORM gives it: each attribute is a getter of the class. */
class Row {
  id = 1;
  data: Record<string, unknown>;
  constructor(data: Record<string, unknown>) {
    this.data = data;
  }
  get title() {
    return this.data.title;
  }
  get isMine() {
    return this.data.isMine;
  }
  get by() {
    return (this.data.author as { name?: string } | undefined)?.name ?? 'nobody';
  }
  get canEdit() {
    return this.isMine === true && this.data.isOpen === true;
  }
}

describe.each(kinds)('what a getter of a model gives, with %s', (kind) => {
  /** Two versions of a row on the tag, in a list of registered rows, met beside the tag’s model, and below it. */
  const shown = async (body: string, one: () => Row, two: () => Row) => {
    for (const [source, page] of [
      [F('row', body), (row: Row) => ({ row })],
      [T(`{% for row in rows %}${body}{% endfor %}`), (row: Row) => ({ a: a(), rows: [row] })],
      [T(body), (row: Row) => ({ a: a(), row })],
      [T(`{% for row in a.rows %}${body}{% endfor %}`), (row: Row) => ({ a: a({ rows: [row] }) })],
      [T(`{% set row = a.row %}${body}`), (row: Row) => ({ a: a({ row }) })],
      [T(`{% for key, row in a.rows %}${body}{% endfor %}`), (row: Row) => ({ a: a({ rows: { row } }) })],
    ] as const) {
      const site = new Site(source, kind);
      site.sweeper.register(Row, {});
      for (const make of [one, two, one, two, two, one]) await site.show(() => page(make()));
      expect(site.outcomes.at(-1)).toBe('hit');
    }
  };

  test('counts by its presence: a row that is loaded in part', () =>
    shown(
      '{{ row.title }}',
      () => new Row({ id: 1 }),
      () => new Row({ id: 1, title: 'x' }),
    ));
  test('counts by its presence in a condition', () =>
    shown(
      '{% if row.title %}{{ row.title }}{% else %}none{% endif %}',
      () => new Row({ id: 1, title: 'x' }),
      () => new Row({ id: 1 }),
    ));
  test('counts by its boolean', () =>
    shown(
      '{% if row.isMine %}edit{% endif %}',
      () => new Row({ isMine: true }),
      () => new Row({ isMine: false }),
    ));
  test('is computed from other data', () =>
    shown(
      '{% if row.canEdit %}edit{% endif %}',
      () => new Row({ isMine: true, isOpen: true }),
      () => new Row({ isMine: true, isOpen: false }),
    ));
  test('is computed from an association', () =>
    shown(
      '{{ row.by }}',
      () => new Row({}),
      () => new Row({ author: { name: 'Ann' } }),
    ));
  test('is read of many rows, which are still stored', async () => {
    const site = new Site(T('{% for row in a.rows %}{{ row.title }}{% if row.isMine %}!{% endif %}{% endfor %}'), kind);
    const columns = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`aLongNameOfAColumn${i}`, i]));
    const page = (mine: number) => () => ({
      a: a({
        rows: Array.from({ length: 200 }, (_, i) => new Row({ title: `t${i}`, isMine: i === mine, ...columns })),
      }),
    });
    for (const mine of [1, 2, 1, 2]) await site.show(page(mine));
    expect(site.outcomes).toEqual(['hit']);
  });
  test('is compared where rows hold each other', async () => {
    const site = new Site(T('{% for row in a.rows %}{{ row.title }}{% if row.isMine %}!{% endif %}{% endfor %}'), kind);
    const page = (isMine: boolean) => () => {
      const rows = ['x', 'y'].map((title) => new Row({ title, isMine: false }));
      for (const row of rows) row.data.others = rows;
      (rows[1] as Row).data.isMine = isMine;
      return { a: a({ rows }) };
    };
    for (const isMine of [true, false, true, false]) await site.show(page(isMine));
    expect(site.outcomes).toEqual(['hit']);
  });
  test('is not called for it', async () => {
    let calls = 0;
    class Counted {
      id = 1;
      get title() {
        calls++;
        return 'x';
      }
    }
    const site = new Site(F('row', '{{ row.title }}'), kind);
    await site.cached({ row: new Counted() });
    const inBody = calls;
    for (let i = 0; i < 2; i++) await site.cached({ row: new Counted() });
    expect(site.outcomes).toEqual(['hit']);
    expect(calls).toBe(inBody);
  });
});
