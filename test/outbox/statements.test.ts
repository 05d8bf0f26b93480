import fc from 'fast-check';
import Driver from 'libsql';
import { expect, test } from 'vitest';
import { decode, newId, Statements } from '../../src/outbox/statements.ts';
import { runs } from '../support/long.ts';

test('any names can be written as a statement without parameters, and are read as they were', () => {
  const database = new Driver(':memory:');
  const statements = new Statements('outbox', 'blog:1');
  database.exec(statements.create);
  const name = fc.string({ unit: 'grapheme', minLength: 1 });
  fc.assert(
    fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 20 }), (names) => {
      database.exec('DELETE FROM outbox');
      const sql = statements.insert(newId('saved'), names);
      // What drivers replace, or databases read as the end of a text.
      expect(sql.split("'")).toHaveLength(7);
      expect(sql).not.toMatch(/[?$\\\n]/);
      database.exec(sql);
      const [row] = database.prepare(statements.select('')).all() as { names: string }[];
      expect(decode(row?.names)).toEqual(names);
    }),
    runs(200, 100_000, 5_000),
  );
});

test('ids are read in an order that gives saves that are over first, the oldest in front', () => {
  const ids = [newId('saving'), newId('saved'), newId('saving'), newId('saved')].sort();
  expect(ids.map((id) => id.split('-')[0])).toEqual(['saved', 'saved', 'saving', 'saving']);
});

test('sites whose names differ in case alone have texts that differ without it: MySQL compares them so', () => {
  const text = (site: string) => new Statements('outbox', site).select('').toLowerCase();
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Ca-c_.-]{0,4}:1$/), fc.stringMatching(/^[A-Ca-c_.-]{0,4}:1$/), (one, other) => {
      expect(text(one) === text(other)).toBe(one === other);
    }),
    runs(500, 10_000, 2_000),
  );
});
