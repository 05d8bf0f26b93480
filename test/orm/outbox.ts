import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { OrmSite } from './site.ts';
import type { Orm } from './suite.ts';

/** A database behind an ORM, whose outbox the test looks into. */
export interface OrmWithOutbox<Tx> extends Orm<Tx> {
  /** Sends a statement past the sweeper. */
  query(sql: string): Promise<unknown>;
  /** Saves the first comment with a new text. */
  save(text: string, tx?: Tx): Promise<unknown>;
  /** Sets values of the first comment by one statement in no transaction. */
  update(values: { readonly text?: string; readonly slug?: string }): Promise<unknown>;
}

/** Opens a database whose site has an outbox, and is the only one to look into it: to try all kinds of writes with one. */
export async function openWithOutbox<O extends Pick<Orm<never>, 'site' | 'reset' | 'load'>>(
  open: (site: OrmSite) => Promise<O>,
): Promise<O> {
  const orm = await open(new OrmSite({ store: new TestingStore(), timeout: '10s', outbox: { interval: '1h' } }));
  const reset = orm.reset.bind(orm);
  orm.reset = async () => {
    // One of the writes drops all tables.
    await orm.site.sweeper.outbox.createTable();
    await reset();
  };
  // Names that have no token yet count as bumped when they are asked for.
  await orm.reset();
  await orm.site.render(await orm.load());
  return orm;
}

const stop = new Error('stop');
const BLOCKED = () => ({ outcome: 'unknown' as const });

/** Tries the outbox with one ORM: what stands in it, when, and what another process makes of it. */
export function outboxSuite<Tx>(
  title: string,
  open: (site: OrmSite) => Promise<OrmWithOutbox<Tx>>,
  { dialect, begins }: { readonly dialect: 'sqlite3' | 'postgresql'; readonly begins: boolean },
): void {
  describe(`an outbox with ${title}`, () => {
    let store: TestingStore;
    let orm: OrmWithOutbox<Tx>;
    let survivor: OrmSite;

    // One for all tests: a database takes longer to make than to reset.
    beforeAll(async () => {
      store = new TestingStore();
      // It polls so seldom that it never does in a test: what stays is for another process.
      orm = await open(new OrmSite({ store, timeout: '10s', outbox: { interval: '1h' } }));
    });
    afterAll(async () => {
      await orm?.site.sweeper.close();
      await orm?.close();
    });

    beforeEach(async () => {
      store.script = undefined;
      await orm.site.sweeper.idle();
      await orm.query('DROP TABLE IF EXISTS cachesweeper_outbox');
      await orm.site.sweeper.outbox.createTable();
      await orm.reset();
      await orm.site.reset();
      const raw = (sql: string) => orm.query(sql);
      const knex = {
        raw,
        transaction: (run: (trx: { raw: typeof raw }) => Promise<unknown>) => run({ raw }),
        client: { dialect, pool: {} },
      };
      survivor = new OrmSite({
        store: new TestingStore({ shared: store }),
        timeout: '10s',
        outbox: { knex, interval: '10ms' },
      });
      survivor.now = orm.site.now;
      await survivor.render(await orm.load());
      await survivor.sweeper.idle();
      // Nothing is bumped by the process that saves, as if it had died behind the commit.
      store.script = BLOCKED;
    });
    afterEach(() => survivor.sweeper.close());

    const rows = async () => {
      const found = (await orm.query('SELECT id, names FROM cachesweeper_outbox ORDER BY id')) as {
        id: string;
        names: string;
      }[];
      return found.map(({ id, names }) =>
        [
          id.split('-')[0],
          ...names
            .split(' ')
            .filter((name) => !/^(Reply|Article:\*)/.test(name))
            .sort(),
        ].join(' '),
      );
    };

    const COMMENT = 'saved Article:=1 Comment:* Comment:=1';

    /** Another process has bumped what was left, and removed it. */
    const found = async () => {
      await vi.waitFor(async () => expect(await rows()).toEqual([]), { timeout: 10_000 });
      await survivor.sweeper.idle();
      const page = await orm.load();
      expect((await survivor.render(page)).html).toBe(await survivor.fresh(page));
    };

    test('a committed save whose process dies before the bump is bumped by another process', async () => {
      await orm.transaction(async (tx) => {
        await orm.save('new', tx);
        await orm.save('newer', tx);
      });
      await found();
      expect(survivor.errors).toEqual([]);
    });

    test('the names of all that a transaction saved stand in one row', async () => {
      await survivor.sweeper.close();
      await orm.transaction(async (tx) => {
        await orm.save('new', tx);
        await orm.save('newer', tx);
      });
      expect(await rows()).toEqual([COMMENT]);
    });

    test('a row goes when the store has acknowledged the bump', async () => {
      await survivor.sweeper.close();
      store.script = undefined;
      await orm.transaction((tx) => orm.save('new', tx));
      await orm.site.sweeper.idle();
      expect(await rows()).toEqual([]);
    });

    test('a transaction that is rolled back leaves nothing', async () => {
      const failing = orm.transaction(async (tx) => {
        await orm.save('new', tx);
        throw stop;
      });
      await expect(failing).rejects.toBe(stop);
      expect(await rows()).toEqual([]);
    });

    test('a savepoint is written with its transaction, or not at all where it is rolled back', async () => {
      await survivor.sweeper.close();
      await orm.transaction(async (outer) => {
        const failing = orm.transaction(async (inner) => {
          await orm.save('new', inner);
          throw stop;
        }, outer);
        await expect(failing).rejects.toBe(stop);
      });
      expect(await rows()).toEqual([]);
      await orm.transaction(async (outer) => {
        await orm.transaction((inner) => orm.save('new', inner), outer);
      });
      expect(await rows()).toEqual([COMMENT]);
    });

    if (begins)
      test('a transaction without a callback is written at its commit, and not at its rollback', async () => {
        await survivor.sweeper.close();
        const begin = async () => orm.begin?.() ?? expect.unreachable();
        const first = await begin();
        await orm.save('new', first.tx);
        await first.rollback();
        expect(await rows()).toEqual([]);
        const second = await begin();
        await orm.save('new', second.tx);
        await second.commit();
        expect(await rows()).toEqual([COMMENT]);
      });

    test('a save outside of a transaction is bumped by another process as well', async () => {
      await orm.update({ text: 'new' });
      await found();
      expect(survivor.errors).toEqual([]);
    });

    test('a save outside of a transaction leaves its names where the store does not acknowledge them, and else nothing', async () => {
      await survivor.sweeper.close();
      await orm.update({ text: 'new' });
      await vi.waitFor(async () => expect(await rows()).toEqual([expect.stringMatching(/^saved .*Comment/)]));
      await orm.query('DELETE FROM cachesweeper_outbox');
      store.script = undefined;
      await orm.update({ text: 'newer' });
      await orm.site.sweeper.idle();
      expect(await rows()).toEqual([]);
    });

    test('a save outside of a transaction that fails leaves all that it may have changed', async () => {
      await survivor.sweeper.close();
      await expect(orm.update({ slug: 'b' })).rejects.toThrow();
      await vi.waitFor(async () => expect(await rows()).toEqual(['saved Article Comment']));
    });

    test('without its table no save is committed', async () => {
      await survivor.sweeper.close();
      await orm.query('DROP TABLE cachesweeper_outbox');
      const before = await orm.load();
      await expect(orm.transaction((tx) => orm.save('new', tx))).rejects.toThrow(/cachesweeper_outbox/);
      await expect(orm.update({ text: 'new' })).rejects.toThrow(/cachesweeper_outbox/);
      expect((await orm.load()).comments.map(({ text }) => text)).toEqual(before.comments.map(({ text }) => text));
    });
  });
}
