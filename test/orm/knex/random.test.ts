import fc from 'fast-check';
import type { Knex } from 'knex';
import Driver from 'libsql';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { sweepOnSave } from 'nunjucks-cachesweeper/knex';
import { expect, test } from 'vitest';
import { knexOn } from '../../support/knex-sqlite.mjs';
import { runs } from '../../support/long.ts';

interface Note {
  readonly id: number;
  readonly parent: number;
  readonly text: string | null;
  readonly version: number;
}

type Rows = Knex.QueryBuilder;
/** Adds a condition, or what else, to a statement. */
type Step = (rows: Rows, knex: Knex) => Rows;

const id = fc.integer({ min: 1, max: 6 });
const step = (arbitrary: fc.Arbitrary<unknown[]>, add: (rows: Rows, values: never[], knex: Knex) => Rows) =>
  arbitrary.map<Step>((values) => (rows, knex) => add(rows, values as never[], knex));
const one = fc.tuple(id);
const two = fc.tuple(id, id);

const condition: fc.Arbitrary<Step> = fc.oneof(
  step(one, (rows, [a]) => rows.where({ id: a })),
  step(one, (rows, [a]) => rows.where('id', a)),
  step(one, (rows, [a]) => rows.where('notes.id', '=', a)),
  step(one, (rows, [a]) => rows.where('id', String(a))),
  step(one, (rows, [a]) => rows.where('ID', a)),
  step(two, (rows, [a, b]) => rows.whereIn('id', [a, b])),
  step(two, (rows, [a, b]) => rows.where('id', 'in', [a, b])),
  step(two, (rows, [a, b]) => rows.where({ id: a, parent: b })),
  step(two, (rows, [a, b]) => rows.whereBetween('id', [a, b])),
  step(two, (rows, [a, b]) => rows.where((inner) => inner.where('id', a).orWhere('id', b))),
  step(two, (rows, [a, b]) => rows.where((inner) => inner.where('id', a).orWhere('parent', b))),
  step(two, (rows, [a, b], knex) => rows.where(knex.raw('id = ? or parent = ?', [a, b]))),
  step(two, (rows, [a, b]) => rows.whereRaw('id = ? or parent = ?', [a, b])),
  step(one, (rows, [a], knex) => rows.where('id', knex.raw('? or parent > 1', [a]))),
  step(one, (rows, [a], knex) => rows.where(knex.raw('??', ['id']), a)),
  step(one, (rows, [a], knex) => rows.where(knex.ref('notes.id'), a)),
  step(one, (rows, [a], knex) => rows.where(knex.raw('1 = 1 or id'), a)),
  step(one, (rows, [a]) => rows.orWhere('id', a)),
  step(one, (rows, [a]) => rows.orWhere({ parent: a })),
  step(two, (rows, [a, b]) => rows.orWhereIn('id', [a, b])),
  step(one, (rows, [a]) => rows.whereNot('id', a)),
  step(one, (rows, [a]) => rows.whereNot({ id: a })),
  step(two, (rows, [a, b]) => rows.whereNotIn('id', [a, b])),
  step(one, (rows, [a]) => rows.where('id', '>', a)),
  step(one, (rows, [a]) => rows.where('parent', a)),
  step(one, (rows) => rows.whereNull('text')),
  step(one, (rows, [a]) => rows.whereExists((inner) => inner.select('*').from('parents').where('id', a))),
  step(one, (rows, [a], knex) => rows.whereIn('id', knex('notes').select('id').where('parent', a))),
  step(one, (rows, [a], knex) => rows.where('id', knex('notes').max('id').where('parent', '<', a))),
  step(one, (rows) => rows.whereColumn('id', 'parent')),
  step(one, (rows) => rows.clone()),
);

const action: fc.Arbitrary<Step> = fc.oneof(
  step(one, (rows, [a]) => rows.update({ text: `t${a}` })),
  step(one, (rows, [a]) => rows.update('parent', a)),
  step(one, (rows, [a]) => rows.update({ 'notes.parent': a } as object)),
  step(one, (rows, [a]) => rows.update({ id: a + 10 })),
  step(one, (rows, [a]) => rows.update({ ID: a + 10 })),
  step(one, (rows, [a], knex) => rows.update({ id: knex.raw('id + ?', [a + 10]) })),
  step(one, (rows, [a], knex) => rows.update({ parent: knex.raw('parent + ?', [a]) }).returning('id')),
  step(one, (rows, [a]) => rows.increment('parent', a)),
  step(one, (rows, [a]) => rows.increment({ version: 1, id: a + 10 })),
  step(one, (rows) => rows.decrement('version')),
  step(one, (rows) => rows.delete()),
  step(one, (rows) => rows.delete().returning('*')),
);

const newRow = fc.record(
  { id, parent: id, text: fc.constantFrom('a', 'b', 'c', 'new'), version: id },
  { requiredKeys: ['parent'] },
);
const conflict: fc.Arbitrary<Step> = fc.oneof(
  step(one, (rows) => rows),
  step(one, (rows) => rows.onConflict('id').ignore() as never),
  step(one, (rows) => rows.onConflict().ignore() as never),
  step(one, (rows) => rows.onConflict('id').merge() as never),
  step(one, (rows) => rows.onConflict('text').merge(['parent']) as never),
  step(one, (rows, [a]) => rows.onConflict('text').merge({ parent: a }).where('notes.version', '<', a) as never),
);
const returned: fc.Arbitrary<Step> = fc.oneof(
  step(one, (rows) => rows),
  step(one, (rows) => rows.returning('*')),
  step(one, (rows) => rows.returning('id')),
  step(one, (rows) => rows.returning('text')),
);

const changing = fc.tuple(fc.array(condition, { maxLength: 3 }), action).map<Step>(
  ([conditions, act]) =>
    (rows, knex) =>
      act(
        conditions.reduce((at, each) => each(at, knex), rows),
        knex,
      ),
);
const inserting = fc
  .tuple(fc.array(newRow, { minLength: 1, maxLength: 3 }), conflict, returned, fc.boolean())
  .map<Step>(
    ([values, onConflict, give, isList]) =>
      (rows, knex) =>
        give(onConflict(rows.insert(isList ? values : values[0]), knex), knex),
  );
const copying = fc.tuple(fc.array(condition, { maxLength: 2 })).map<Step>(([conditions]) => (rows, knex) => {
  const found = conditions.reduce<Rows>((at, each) => each(at, knex), knex('notes')).select('parent');
  return rows
    .clone()
    .from(knex.raw('notes (parent)') as never)
    .insert(found);
});

/** Sends statements: alone, in a transaction that is committed or not, or in a savepoint of one. */
const ways: readonly ((knex: Knex, send: (knex: Knex) => Promise<unknown>) => Promise<unknown>)[] = [
  (knex, send) => send(knex),
  (knex, send) => knex.transaction((trx) => send(trx)),
  async (knex, send) => {
    const trx = await knex.transaction();
    await send(trx).catch(() => {});
    await trx.commit();
  },
  (knex, send) =>
    knex.transaction(async (trx) => {
      await send(trx);
      throw new Error('rolled back');
    }),
  (knex, send) => knex.transaction((trx) => trx.transaction((inner) => send(inner))),
  (knex, send) =>
    knex.transaction(async (trx) => {
      await trx('notes').where('id', 1).update({ text: 'before' });
      await trx
        .transaction(async (inner) => {
          await send(inner);
          throw new Error('rolled back');
        })
        .catch(() => {});
    }),
];

test('each row that a statement of a builder changes is told, or its type is, whatever its conditions are', async () => {
  const database = new Driver(':memory:');
  database.exec('CREATE TABLE parents (id INTEGER PRIMARY KEY)');
  database.exec('INSERT INTO parents (id) VALUES (1), (2), (3)');
  database.exec(
    'CREATE TABLE notes (id INTEGER PRIMARY KEY, parent INTEGER, text TEXT UNIQUE, version INTEGER DEFAULT 0)',
  );
  const knex: Knex = knexOn(database);
  const bumped = new Set<string>();
  const sweeper = new CacheSweeper({
    onBump: (names) => {
      for (const name of names) bumped.add(name);
    },
  });
  sweeper.register('Note', { touches: (note: Note) => [{ type: 'Parent', id: note.parent }] });
  sweepOnSave(knex, sweeper, { models: { notes: 'Note', parents: 'Parent' } });
  const all = () => new Map((database.prepare('SELECT * FROM notes').all() as Note[]).map((row) => [row.id, row]));
  const reset = () => {
    database.exec('DELETE FROM notes');
    database.exec(`INSERT INTO notes (id, parent, text) VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c'), (4, 3, NULL)`);
  };
  const statement = fc.oneof({ weight: 4, arbitrary: changing }, { weight: 3, arbitrary: inserting }, copying);
  let changed = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(statement, { minLength: 1, maxLength: 2 }),
      fc.nat(ways.length - 1),
      async (steps, way) => {
        reset();
        bumped.clear();
        const before = all();
        const sent: string[] = [];
        const send = async (on: Knex) => {
          for (const each of steps) {
            const rows = each(on('notes'), on);
            sent.push(rows.toString());
            await rows;
          }
        };
        await ways[way]?.(knex, send).catch(() => {});
        const after = all();
        for (const key of new Set([...before.keys(), ...after.keys()])) {
          const [was, is] = [before.get(key), after.get(key)];
          if (JSON.stringify(was) === JSON.stringify(is)) continue;
          changed++;
          if (bumped.has('Note') && bumped.has('Parent')) continue;
          const told = [
            `Note:=${key}`,
            ...[was, is].flatMap((row) => (row?.parent == null ? [] : [`Parent:=${row.parent}`])),
          ];
          const missing = told.filter((name) => !bumped.has(name) && !bumped.has(name.split(':')[0] as string));
          expect(missing, `${sent.join('; ')} as ${way}: ${JSON.stringify([was, is])} told ${[...bumped]}`).toEqual([]);
          if (was === undefined || is === undefined) expect(bumped.has('Note:*') || bumped.has('Note')).toBe(true);
        }
      },
    ),
    runs(300, 100_000, 5_000),
  );
  expect(changed).toBeGreaterThan(100);
  await knex.destroy();
}, 3_600_000);
