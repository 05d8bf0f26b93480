import fc from 'fast-check';
import type { Knex } from 'knex';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { sweepOnSave } from 'nunjucks-cachesweeper/knex';
import { expect, test } from 'vitest';
import { runs } from '../../support/long.ts';

interface Note {
  readonly id: number;
  readonly parent: number;
  readonly text: string | null;
  readonly version: number;
}

// biome-ignore lint/suspicious/noExplicitAny: rows are of no matter here
type Rows = Knex.QueryBuilder<any, any>;
/** Adds a condition, or what else, to a statement. */
type Step = (rows: Rows, knex: Knex) => Rows;

const id = fc.integer({ min: 1, max: 6 });
const step = (add: (rows: Rows, values: readonly [number, number], knex: Knex) => Rows) =>
  fc.tuple(id, id).map<Step>((values) => (rows, knex) => add(rows, values, knex));

const condition: fc.Arbitrary<Step> = fc.oneof(
  step((rows, [a]) => rows.where({ id: a })),
  step((rows, [a]) => rows.where('id', a)),
  step((rows, [a]) => rows.where('notes.id', '=', a)),
  step((rows, [a]) => rows.where('id', String(a))),
  step((rows, [a]) => rows.where('ID', a)),
  step((rows, [a, b]) => rows.whereIn('id', [a, b])),
  step((rows, [a, b]) => rows.where('id', 'in', [a, b])),
  step((rows, [a, b]) => rows.where({ id: a, parent: b })),
  step((rows, [a, b]) => rows.whereBetween('id', [a, b])),
  step((rows, [a, b]) => rows.where((inner) => inner.where('id', a).orWhere('id', b))),
  step((rows, [a, b]) => rows.where((inner) => inner.where('id', a).orWhere('parent', b))),
  step((rows, [a, b], knex) => rows.where(knex.raw('id = ? or parent = ?', [a, b]))),
  step((rows, [a, b]) => rows.whereRaw('id = ? or parent = ?', [a, b])),
  step((rows, [a], knex) => rows.where('id', knex.raw('? or parent > 1', [a]))),
  step((rows, [a], knex) => rows.where(knex.raw('??', ['id']) as never, a)),
  step((rows, [a], knex) => rows.where(knex.ref('notes.id') as never, a)),
  step((rows, [a], knex) => rows.where(knex.raw('1 = 1 or id') as never, a)),
  step((rows, [a]) => rows.orWhere('id', a)),
  step((rows, [a]) => rows.orWhere({ parent: a })),
  step((rows, [a, b]) => rows.orWhereIn('id', [a, b])),
  step((rows, [a]) => rows.whereNot('id', a)),
  step((rows, [a]) => rows.whereNot({ id: a })),
  step((rows, [a, b]) => rows.whereNotIn('id', [a, b])),
  step((rows, [a]) => rows.where('id', '>', a)),
  step((rows, [a]) => rows.where('parent', a)),
  step((rows) => rows.whereNull('text')),
  step((rows, [a]) => rows.whereExists((inner) => inner.select('*').from('parents').where('id', a))),
  step((rows, [a], knex) => rows.whereIn('id', knex('notes').select('id').where('parent', a))),
  step((rows, [a], knex) => rows.where('id', knex('notes').max('id').where('parent', '<', a))),
  step((rows) => rows.clone()),
);

const action: fc.Arbitrary<Step> = fc.oneof(
  step((rows, [a]) => rows.update({ text: `t${a}` })),
  step((rows, [a]) => rows.update('parent', a)),
  step((rows, [a]) => rows.update({ 'notes.parent': a } as object)),
  step((rows, [a]) => rows.update({ id: a + 10 })),
  step((rows, [a]) => rows.update({ ID: a + 10 })),
  step((rows, [a], knex) => rows.update({ id: knex.raw('id + ?', [a + 10]) })),
  step((rows, [a], knex) => rows.update({ parent: knex.raw('parent + ?', [a]) }).returning('id')),
  step((rows, [a]) => rows.increment('parent', a)),
  step((rows, [a]) => rows.increment({ version: 1, id: a + 10 })),
  step((rows) => rows.decrement('version')),
  step((rows) => rows.delete()),
  step((rows) => rows.delete().returning('*')),
);

const newRow = fc.record(
  { id, parent: id, text: fc.constantFrom('a', 'b', 'c', 'new'), version: id },
  { requiredKeys: ['parent'] },
);
const conflict: fc.Arbitrary<Step> = fc.oneof(
  step((rows) => rows),
  step((rows) => rows.onConflict('id').ignore() as never),
  step((rows) => rows.onConflict().ignore() as never),
  step((rows) => rows.onConflict('id').merge() as never),
  step((rows) => rows.onConflict('text').merge(['parent']) as never),
  step((rows, [a]) => rows.onConflict('text').merge({ parent: a }).where('notes.version', '<', a) as never),
);
const returned: fc.Arbitrary<Step> = fc.oneof(
  step((rows) => rows),
  step((rows) => rows.returning('*')),
  step((rows) => rows.returning('id')),
  step((rows) => rows.returning('text')),
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
        give(onConflict(rows.insert(isList ? values : values[0]) as Rows, knex), knex),
  );
const copying = fc.tuple(fc.array(condition, { maxLength: 2 })).map<Step>(([conditions]) => (rows, knex) => {
  const found = conditions.reduce<Rows>((at, each) => each(at, knex), knex('notes')).select('parent') as Rows;
  const into: Rows = rows.clone().from(knex.raw('notes (parent)') as never);
  return into.insert(found);
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

/** Tries random statements on a database, and random conditions, alone and in transactions. */
export function randomSuite(title: string, open: () => Promise<Knex>, sizes: Parameters<typeof runs>): void {
  test(`${title}: each row that a statement of a builder changes is told, or its type is, whatever its conditions are`, async () => {
    const knex = await open();
    await knex.schema.createTable('parents', (table) => void table.increments('id'));
    await knex.schema.createTable('notes', (table) => {
      table.increments('id');
      table.integer('parent');
      table.text('text').unique();
      table.integer('version').defaultTo(0);
    });
    await knex('parents').insert([{ id: 1 }, { id: 2 }, { id: 3 }]);
    const isPostgres = knex.client.dialect === 'postgresql';
    const bumped = new Set<string>();
    const sweeper = new CacheSweeper({
      onBump: (names) => {
        for (const name of names) bumped.add(name);
      },
    });
    sweeper.register('Note', { touches: (note: Note) => [{ type: 'Parent', id: note.parent }] });
    sweepOnSave(knex, sweeper, { models: { notes: 'Note', parents: 'Parent' } });
    const all = async () => {
      const found = await knex.raw('SELECT * FROM notes');
      return new Map(((found.rows ?? found) as Note[]).map((row) => [row.id, row]));
    };
    const reset = async () => {
      await knex.raw('DELETE FROM notes');
      await knex.raw(`INSERT INTO notes (id, parent, text) VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c'), (4, 3, NULL)`);
      if (isPostgres) await knex.raw(`SELECT setval('notes_id_seq', 4)`);
    };
    const statement = fc.oneof({ weight: 4, arbitrary: changing }, { weight: 3, arbitrary: inserting }, copying);
    let changed = 0;
    const property = fc.asyncProperty(
      fc.array(statement, { minLength: 1, maxLength: 2 }),
      fc.nat(ways.length - 1),
      async (steps, way) => {
        await reset();
        bumped.clear();
        const before = await all();
        const sent: string[] = [];
        const send = async (on: Knex) => {
          for (const each of steps) {
            const rows = each(on('notes'), on);
            sent.push(rows.toString());
            await rows;
          }
        };
        await ways[way]?.(knex, send).catch(() => {});
        const after = await all();
        for (const key of new Set([...before.keys(), ...after.keys()])) {
          const [was, is] = [before.get(key), after.get(key)];
          if (JSON.stringify(was) === JSON.stringify(is)) continue;
          changed++;
          const parents = [was, is].flatMap((row) => (row?.parent == null ? [] : [`Parent:=${row.parent}`]));
          const list = was === undefined || is === undefined ? ['Note:*'] : [];
          const missing = [`Note:=${key}`, ...parents, ...list].filter(
            (name) => !bumped.has(name) && !bumped.has(name.split(':')[0] as string),
          );
          const what = `${sent.join('; ')} as ${way}: ${JSON.stringify([was, is])}, told ${[...bumped]}`;
          expect(missing, what).toEqual([]);
        }
      },
    );
    await fc.assert(property, runs(...sizes));
    expect(changed).toBeGreaterThan(100);
    await knex.destroy();
  }, 3_600_000);
}
