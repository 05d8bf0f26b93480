import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { elsewhere } from './outside.ts';
import type { OrmSite, Page } from './site.ts';
import { type Heard, writesOf } from './tables.ts';

/** One kind of write, as one ORM does it. */
export interface Write<Tx> {
  /** @param tx the transaction to write in, if any */
  run(tx: Tx | undefined): Promise<unknown>;
  /** The fragments that it invalidates, where its rows are known; those that are on the page afterwards. */
  readonly invalidates?: readonly string[];
  /** It opens a transaction of its own, so it cannot run inside another. */
  readonly standsAlone?: boolean;
}

/** A database behind an ORM whose saves a sweeper is told of. */
export interface Orm<Tx> {
  readonly site: OrmSite;
  load(tx?: Tx): Promise<Page>;
  /** Back to the first rows, unheard. */
  reset(): Promise<void>;
  /** Runs a function in a transaction, or in a savepoint of one: committed when it resolves, rolled back when not. */
  transaction<T>(run: (tx: Tx) => Promise<T>, outer?: Tx): Promise<T>;
  /** The same without a callback, if there is such a thing: the test commits or rolls back. */
  begin?(): Promise<{ tx: Tx; commit(): Promise<unknown>; rollback(): Promise<unknown> }>;
  close(): Promise<void>;
}

const stop = new Error('stop');

/**
 * Runs every kind of write that a table of docs/orm.md lists, in every situation, and looks at the page afterwards.
 *
 * @param writes by their names in the table
 */
export function ormSuite<Tx>(
  title: string,
  {
    heading,
    writes,
    begins,
    open,
  }: {
    readonly heading: string;
    readonly writes: Readonly<Record<string, Write<Tx>>>;
    /** Whether transactions can be begun without a callback. */
    readonly begins: boolean;
    open(): Promise<Orm<Tx>>;
  },
): void {
  const table = writesOf(heading);

  test(`docs/orm.md lists what is tried here, and nothing else: ${title}`, () => {
    expect(Object.keys(writes).sort()).toEqual([...table.keys()].sort());
    expect([...new Set(table.values())].sort()).toEqual(['no', 'row', 'type']);
  });

  describe(title, () => {
    let orm: Orm<Tx>;
    // One for all writes: rows and cache are reset before each test, and a database takes longer to make than to reset.
    beforeAll(async () => {
      orm = await open();
    });
    afterAll(() => orm?.close());

    for (const [name, write] of Object.entries(writes)) {
      describe(name, () => writeSuite({ heard: table.get(name) ?? 'no', write, begins, orm: () => orm }));
    }
  });
}

function writeSuite<Tx>({
  heard,
  write,
  begins,
  orm: opened,
}: {
  readonly heard: Heard;
  readonly write: Write<Tx>;
  readonly begins: boolean;
  readonly orm: () => Orm<Tx>;
}): void {
  let orm: Orm<Tx>;
  let before: Page;

  beforeEach(async () => {
    orm = opened();
    await orm.reset();
    await orm.site.reset();
    before = await orm.load();
    await orm.site.render(before);
    expect((await orm.site.render(before)).ran).toEqual([]);
  });

  /** What others see is cached: nothing has been invalidated yet. */
  const nothingSwept = async () => {
    expect((await orm.site.render(before)).ran).toEqual([]);
  };

  const sweptAfterwards = async () => {
    const after = await orm.load();
    const { html, ran } = await orm.site.render(after);
    expect(ran).toEqual(expected(heard, write, after));
    if (heard !== 'no') expect(html).toBe(await orm.site.fresh(after));
    orm.site.now += 60_000;
    expect((await orm.site.render(after)).ran.filter((label) => !ran.includes(label))).toEqual([]);
    expect(orm.site.errors).toEqual([]);
  };

  const unchanged = async () => {
    const after = await orm.load();
    const { html, ran } = await orm.site.render(after);
    expect(ran).toEqual([]);
    expect(html).toBe(await orm.site.fresh(after));
  };

  test('without a transaction: invalidated when it resolves', async () => {
    await write.run(undefined);
    await sweptAfterwards();
    const [last] = orm.site.sweeper.recentBumps();
    if (heard !== 'no') expect(last?.cause.by).toMatch(/^(Sequelize|TypeORM|Prisma|Knex) [a-zA-Z ]+$/);
  });

  if (write.standsAlone) return;

  test('committed: invalidated then, and not before', async () => {
    await orm.transaction(async (tx) => {
      await write.run(tx);
      await elsewhere(nothingSwept);
    });
    await sweptAfterwards();
  });

  test('rolled back by an error in the middle: nothing is invalidated', async () => {
    const failing = orm.transaction(async (tx) => {
      await write.run(tx);
      throw stop;
    });
    await expect(failing).rejects.toBe(stop);
    await unchanged();
  });

  if (begins)
    test('in a transaction without a callback: invalidated at its commit, not at its rollback', async () => {
      const begin = async () => orm.begin?.() ?? expect.unreachable();
      const first = await begin();
      await write.run(first.tx);
      await first.rollback();
      await unchanged();
      await orm.reset();
      const second = await begin();
      await write.run(second.tx);
      await nothingSwept();
      await second.commit();
      await sweptAfterwards();
    });

  if (heard !== 'no')
    test('a page rendered inside shows what was written, and is not stored', async () => {
      const failing = orm.transaction(async (tx) => {
        await write.run(tx);
        const inside = await orm.load(tx);
        for (let times = 0; times < 2; times++) {
          const { html, ran } = await orm.site.render(inside);
          expect(html).toBe(await orm.site.fresh(inside));
          expect(ran).toEqual(expected(heard, write, inside));
        }
        throw stop;
      });
      await expect(failing).rejects.toBe(stop);
      await unchanged();
    });

  test('nested and committed: invalidated at the outermost commit', async () => {
    await orm.transaction(async (outer) => {
      await orm.transaction((inner) => write.run(inner), outer);
      await elsewhere(nothingSwept);
    });
    await sweptAfterwards();
  });

  test('nested and rolled back alone: nothing is invalidated', async () => {
    await orm.transaction(async (outer) => {
      const failing = orm.transaction(async (inner) => {
        await write.run(inner);
        throw stop;
      }, outer);
      await expect(failing).rejects.toBe(stop);
    });
    await unchanged();
  });

  test('nested, committed, and rolled back with the outer one: nothing is invalidated', async () => {
    const failing = orm.transaction(async (outer) => {
      await orm.transaction((inner) => write.run(inner), outer);
      throw stop;
    });
    await expect(failing).rejects.toBe(stop);
    await unchanged();
  });
}

function expected(heard: Heard, write: Write<never> | Write<unknown>, page: Page): readonly string[] {
  if (heard === 'no') return newRows(page);
  if (heard === 'row') return [...(write.invalidates ?? [])].sort();
  const articles = page.articles.map(({ id }) => `article ${id}`);
  return [...articles, ...page.comments.map(({ id }) => `comment ${id}`), 'list'].sort();
}

/** Rows that were not there at first have no fragment yet. */
function newRows({ comments }: Page): readonly string[] {
  return comments.filter(({ id }) => id > 4).map(({ id }) => `comment ${id}`);
}
