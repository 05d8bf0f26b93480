import { AsyncLocalStorage } from 'node:async_hooks';
import { sweepOnSave } from 'nunjucks-cachesweeper/sequelize';
import { DataTypes, literal, Model, type ModelStatic, type Options, Sequelize } from 'sequelize';
import { afterEach, describe, expect, test } from 'vitest';
import { fragment, Site } from '../../sweeper/site.ts';
import { metTests } from '../met.ts';

// biome-ignore lint/suspicious/noExplicitAny: attributes are of no matter here
type Row = Model<any, any> & Record<string, any>;
type Rows = ModelStatic<Row>;

/** Saves that need other models than the blog's: keys, tables and schemas of other kinds. */
export function heardSuite(title: string, open: () => Promise<Options>): void {
  describe(`${title}, other models`, () => suite(open));
}

function suite(open: () => Promise<Options>): void {
  let sequelize: Sequelize;
  let site: Site;
  const errors: unknown[] = [];
  afterEach(async () => {
    await sequelize.close();
    expect(errors.splice(0)).toEqual([]);
  });

  /** A site whose tags are these expressions, which are their labels. */
  const start = async (tags: readonly string[], hook: object | 'later' = {}, options: object = {}) => {
    site = new Site(tags.map((tag) => fragment(`${tag} 0`, `'${tag}'`)).join(''), {
      onError: (error) => errors.push(error),
      ...options,
    });
    sequelize = new Sequelize({ ...(await open()), logging: false });
    const define = (name: string, attributes: object, options: object = {}) =>
      sequelize.define(name, attributes as never, { timestamps: false, ...options }) as Rows;
    if (hook !== 'later') sweepOnSave(sequelize, site.sweeper, hook);
    return define;
  };
  /** Which tags are made anew by a write. */
  const ranAfter = async (context: object, write: () => Promise<unknown>) => {
    site.settle();
    await site.render(context);
    expect((await site.render(context)).ran).toEqual([]);
    await write();
    return (await site.render(context)).ran;
  };

  describe('rows that a body meets', () => {
    metTests(async (of, hook) => {
      await sequelize?.close();
      sequelize = new Sequelize({ ...(await open()), logging: false });
      const remark = sequelize.define('Remark', { text: DataTypes.TEXT }, { timestamps: false }) as Rows;
      await sequelize.sync({ force: true });
      await remark.bulkCreate([{ text: 'a' }, { text: 'b' }]);
      sweepOnSave(sequelize, of.sweeper, hook);
      return {
        name: 'Remark',
        load: () => remark.findAll({ order: [['id', 'ASC']] }),
        save: async (index, text) => (await remark.findByPk(index + 1))?.update({ text }),
      };
    });

    test('they are models also where their model is defined after the hook, and where they are scoped', async () => {
      const define = await start([]);
      const remark = define('Remark', { text: DataTypes.TEXT });
      await sequelize.sync({ force: true });
      await remark.create({ text: 'a' });
      const page = new Site(fragment('"Page" 0', '"page"', '{{ row.text }}'));
      sweepOnSave(sequelize, page.sweeper);
      const before = { row: await remark.unscoped().findByPk(1) };
      page.settle();
      await page.render(before);
      expect((await page.render(before)).ran).toEqual([]);
      await remark.update({ text: 'new' }, { where: { id: 1 } });
      expect((await page.render(before)).ran).toEqual(['page']);
    });

    test('an instance of a class that only extends a model is data: no save is heard under its name', async () => {
      const define = await start([]);
      const remark = define('Remark', { text: DataTypes.TEXT });
      const special = class Special extends remark {};
      const page = new Site(fragment('"Page" 0', '"page"', '{{ row.text }}'));
      sweepOnSave(sequelize, page.sweeper);
      const of = (text: string) => ({ row: special.build({ id: 1, text }, { isNewRecord: false, raw: true }) });
      await page.render(of('a'));
      expect((await page.render(of('a'))).ran).toEqual([]);
      expect((await page.render(of('b'))).ran).toEqual(['page']);
    });
  });

  test('rows of the same table that refer to a row which is deleted or gets another key: their type', async () => {
    const define = await start(['child', 'other', '"Tag"']);
    const category = define('Category', { slug: { type: DataTypes.TEXT, unique: true } });
    category.belongsTo(category, {
      as: 'above',
      foreignKey: 'parent',
      targetKey: 'slug',
      onDelete: 'SET NULL',
      onUpdate: 'CASCADE',
    } as never);
    await sequelize.sync({ force: true });
    const root = await category.create({ slug: 'root' });
    const child = await category.create({ slug: 'child', parent: 'root' });
    const context = { child, other: await category.create({ slug: 'other' }) };
    expect(await ranAfter(context, () => root.update({ slug: 'top' }))).toEqual(['child', 'other']);
    expect((await category.findByPk(child.id))?.parent).toBe('top');
    expect(await ranAfter(context, () => root.destroy())).toEqual(['child', 'other']);
    expect((await category.findByPk(child.id))?.parent).toBeNull();
  });

  describe('rows that go with those of another table', () => {
    const files = async () => {
      const define = await start(['file', 'entry', '"Other"']);
      const code = { type: DataTypes.INTEGER, unique: true };
      const folder = define('Folder', {
        slug: { type: DataTypes.STRING, unique: true },
        code,
        title: DataTypes.STRING,
      });
      const file = define('File', { text: DataTypes.TEXT });
      const entry = define('Entry', { text: DataTypes.TEXT });
      file.belongsTo(folder, { foreignKey: 'slug', targetKey: 'slug', onUpdate: 'CASCADE' } as never);
      entry.belongsTo(folder, { onUpdate: 'CASCADE', onDelete: 'NO ACTION' });
      await sequelize.sync({ force: true });
      const { id } = await folder.create({ slug: 'a', code: 1 });
      const context = { file: await file.create({ slug: 'a' }), entry: await entry.create({ FolderId: id }) };
      return { folder, file, context };
    };

    test.each<[string, (folder: Rows) => Promise<unknown>]>([
      ['upsert()', (folder) => folder.upsert({ slug: 'b', code: 1 }, { conflictFields: ['code'] } as never)],
      [
        'bulkCreate()',
        (folder) =>
          folder.bulkCreate([{ slug: 'b', code: 1 }], {
            updateOnDuplicate: ['slug', 'code'],
            conflictAttributes: ['code'],
          } as never),
      ],
    ])('%s that changes what a foreign key refers to: the rows of that key, as their type', async (_title, upsert) => {
      const { folder, file, context } = await files();
      expect(await ranAfter(context, () => upsert(folder))).toEqual(['file']);
      expect((await file.findByPk(1))?.slug).toBe('b');
      const other = () => folder.upsert({ code: 1, title: 'new' }, { conflictFields: ['code'] } as never);
      expect(await ranAfter(context, other)).toEqual([]);
      expect(await ranAfter(context, () => folder.upsert({ id: 1, title: 'newer' }))).toEqual([]);
    });

    test('truncate({ cascade: true }): all tables, whatever their foreign keys say', async () => {
      const { folder, file, context } = await files();
      const isPostgres = sequelize.getDialect() === 'postgres'; // SQLite empties one table
      if (!isPostgres) await sequelize.query('PRAGMA foreign_keys = OFF');
      expect(await ranAfter(context, () => folder.truncate({ cascade: true }))).toEqual(['file', 'entry']);
      if (isPostgres) expect(await file.count()).toBe(0);
    });

    test('a table that is dropped or made anew', async () => {
      const { file, context } = await files();
      expect(await ranAfter(context, () => sequelize.sync({ force: true }))).toEqual(['file', 'entry']);
      expect(await ranAfter(context, () => file.drop())).toEqual(['file']);
    });
  });

  describe(`two schemas with one table name`, () => {
    const tags = ['a', 'b', 'listA', 'listB', '"Note"', '"Other"'];
    const schemas = async (hook: object = {}) => {
      const define = await start(tags, hook);
      const note = define('Note', { text: DataTypes.TEXT });
      const link = define('Link', {
        noteId: { type: DataTypes.INTEGER, references: { model: note, key: 'id' }, onDelete: 'CASCADE' },
      });
      const [noteA, noteB] = [note.schema('tenant_a'), note.schema('tenant_b')] as [Rows, Rows];
      for (const each of [noteA, noteB]) {
        if (sequelize.getDialect() === 'postgres') {
          await sequelize.query(`CREATE SCHEMA ${(each as unknown as { _schema: string })._schema}`);
        }
        await each.sync({ force: true });
      }
      const a = await noteA.create({ text: 'of a' });
      const b = await noteB.create({ text: 'of b' });
      return { a, b, noteA, noteB, link, context: { a, b, listA: noteA, listB: noteB } };
    };

    test('the row of one is never shown for that of the other', async () => {
      const { a, b, noteA, noteB } = await schemas();
      expect([a.id, b.id]).toEqual([1, 1]);
      const shown = new Site('{% cachesweeper note 0 %}{{ note.text }}{% endcachesweeper %}');
      for (const [model, text] of [
        [noteA, 'of a'],
        [noteB, 'of b'],
      ] as const) {
        expect((await shown.render({ note: await model.findByPk(1) })).html).toBe(text);
        expect((await shown.render({ note: await model.unscoped().findByPk(1) })).html).toBe(text);
      }
    });

    test("a save is of its schema's row: the other schema's lists stay", async () => {
      const { b, noteA, context } = await schemas();
      await noteA.create({ text: 'second' });
      const second = await noteA.findByPk(2);
      expect(await ranAfter(context, async () => second?.update({ text: 'new' }))).toEqual(['listA', '"Note"']);
      expect(await ranAfter(context, () => b.destroy())).toEqual(expect.arrayContaining(['b', 'listB', '"Note"']));
    });

    test('a write of unknown rows is of the type, in every schema', async () => {
      const { noteA, context } = await schemas();
      const all = tags.slice(0, -1);
      expect(await ranAfter(context, () => noteA.update({ text: 'new' }, { where: { text: 'of a' } }))).toEqual(all);
      const table = noteA.getTableName() as string;
      expect(
        await ranAfter(context, () => sequelize.getQueryInterface().bulkUpdate(table, { text: 'newer' }, {})),
      ).toEqual(all);
    });

    test("bulk: 'rows' reads the rows in their own schema", async () => {
      const { noteA, noteB, context } = await schemas({ bulk: 'rows' });
      await noteB.update({ text: 'of b too' }, { where: {} });
      await noteA.create({ text: 'second' });
      const ran = await ranAfter(context, () => noteA.update({ text: 'new' }, { where: { text: 'second' } }));
      expect(ran).toEqual(['listA', '"Note"']);
    });

    test('plain rows of a schema are refused with type=: they do not tell it', async () => {
      const { noteA, noteB, context } = await schemas();
      const shown = new Site('{% cachesweeper row 0 type="Note" %}{{ row.text }}{% endcachesweeper %}');
      sweepOnSave(sequelize, shown.sweeper);
      const [a, b] = [await noteA.findByPk(1, { raw: true }), await noteB.findByPk(1, { raw: true })];
      for (const row of [a, b, { ...(a as object) }]) {
        await expect(shown.render({ row })).rejects.toThrow('does not tell its tenant');
      }
      expect((await shown.render({ row: context.a })).html).toBe('of a');
      expect((await shown.render({ row: context.b })).html).toBe('of b');
      shown.sweeper.register('Note', { tenant: () => null });
      expect((await shown.render({ row: a })).html).toBe('of a');
    });

    test('a tenant that only the request knows: a function tells it, for pages and for saves', async () => {
      const current = new AsyncLocalStorage<string>();
      const define = await start([], 'later');
      const note = define('Note', { text: DataTypes.TEXT });
      await sequelize.sync({ force: true });
      const shown = new Site('{% cachesweeper note 0 %}{{ note.text }}{% endcachesweeper %}');
      sweepOnSave(sequelize, shown.sweeper, { models: { Note: { tenant: () => current.getStore() } } });
      const of = (tenant: string) =>
        note.build({ id: 1, text: `of ${tenant}` }, { isNewRecord: false, raw: true }) as Row;
      const html = (tenant: string) => current.run(tenant, async () => (await shown.render({ note: of(tenant) })).html);
      expect([await html('a'), await html('b'), await html('a')]).toEqual(['of a', 'of b', 'of a']);
      await expect(shown.render({ note: of('a') })).rejects.toThrow('no usable tenant');
      await current.run('a', () => of('a').update({ text: 'new' }));
      expect(errors).toEqual([]);
    });

    test('a tenant that was not loaded: the type, because it may be any', async () => {
      const define = await start(['a', 'b', '"Note"', '"Other"'], 'later');
      const note = define('Note', { text: DataTypes.TEXT, orgId: DataTypes.INTEGER });
      sweepOnSave(sequelize, site.sweeper, { models: { Note: { tenant: 'orgId' } } });
      await sequelize.sync({ force: true });
      const context = { a: await note.create({ orgId: 1 }), b: await note.create({ orgId: 2 }) };
      await note.create({ orgId: 1 });
      const third = async (options: object = {}) => (await note.findByPk(3, options)) as Row;
      const partly = await third({ attributes: ['id', 'text'] });
      expect(await ranAfter(context, () => partly.update({ text: 'new' }))).toEqual(['a', 'b', '"Note"']);
      const loaded = await third();
      expect(await ranAfter(context, () => loaded.update({ text: 'newer' }))).toEqual(['"Note"']);
    });

    test('a client for each tenant: `tenant` of the hook tells rows of the same type apart', async () => {
      const define = await start(['a', 'b', '"Note"'], { tenant: 'a' });
      const noteA = define('Note', { text: DataTypes.TEXT });
      const ofB = new Sequelize({ ...(await open()), logging: false });
      const noteB = ofB.define('Note', { text: DataTypes.TEXT }, { timestamps: false }) as Rows;
      sweepOnSave(ofB, site.sweeper, { tenant: 'b' });
      try {
        for (const each of [noteA, noteB]) await each.sync({ force: true });
        await noteA.bulkCreate([{ text: 'a' }, { text: 'a' }]);
        const context = { a: await noteA.findByPk(1), b: await noteB.create({ text: 'b' }) };
        const second = (await noteA.findByPk(2)) as Row;
        expect(await ranAfter(context, () => second.update({ text: 'new' }))).toEqual(['"Note"']);
        expect(await ranAfter(context, () => context.b.update({ text: 'new' }))).toContain('b');
      } finally {
        await ofB.close();
      }
    });
  });

  test('two instances with a model of one name are refused: plain rows do not tell which of them they are from', async () => {
    const define = await start([]);
    define('Note', { text: DataTypes.TEXT });
    const other = new Sequelize({ ...(await open()), logging: false });
    try {
      other.define('Note', { text: DataTypes.TEXT });
      const conflict = { code: 'CACHESWEEPER_TYPE_CONFLICT' };
      expect(() => sweepOnSave(other, site.sweeper)).toThrow(expect.objectContaining(conflict));
      sweepOnSave(other, site.sweeper, { models: { Note: { type: 'Memo' } } });
      other.define('Letter', {});
      expect(() => define('Letter', {})).toThrow(expect.objectContaining(conflict));
    } finally {
      await other.close();
    }
  });

  describe(`rows that were loaded in part`, () => {
    const blog = async () => {
      const define = await start(['one', 'two', 'comment', '"Comment"', '"Other"']);
      const article = define('Article', { title: DataTypes.TEXT });
      const comment = define('Comment', {
        text: DataTypes.TEXT,
        likes: DataTypes.INTEGER,
        hidden: DataTypes.BOOLEAN,
      });
      comment.belongsTo(article, { foreignKey: 'articleId', as: 'article' });
      article.hasMany(comment, { foreignKey: 'articleId', as: 'comments' });
      await sequelize.sync({ force: true });
      site.sweeper.register('Comment', {
        touches: (row: unknown) => {
          const { articleId } = row as { articleId: number | null };
          return articleId ? [{ type: 'Article', id: articleId }] : [];
        },
      });
      const one = await article.create({ title: 'one' });
      const two = await article.create({ title: 'two' });
      await comment.create({ text: 'a', likes: 0, articleId: one.id });
      return { article, comment, context: { one, two, comment: await comment.findByPk(1) } };
    };
    const part = async (comment: Rows, attributes = ['id', 'text']) =>
      (await comment.findByPk(1, { attributes })) as Row;
    const all = ['one', 'two', 'comment', '"Comment"'];

    test.each<[string, (row: Row) => Promise<unknown>]>([
      ['update()', (row) => row.update({ text: 'new' })],
      ['destroy()', (row) => row.destroy()],
      ['save() after reload of a part', async (row) => row.set('text', 'new').save({ fields: ['text'] })],
    ])('%s: what was not loaded is unknown, so its type is touched', async (_title, change) => {
      const { comment, context } = await blog();
      expect(await ranAfter(context, async () => change(await part(comment)))).toEqual(all);
    });

    test('what was loaded is known', async () => {
      const { comment, context } = await blog();
      const row = await part(comment, ['id', 'text', 'articleId']);
      expect(await ranAfter(context, () => row.update({ text: 'new' }))).toEqual(['one', 'comment', '"Comment"']);
    });

    test('and what is null is absent', async () => {
      const { comment, context } = await blog();
      await comment.update({ articleId: null }, { where: { id: 1 } });
      const row = await part(comment, ['id', 'text', 'articleId']);
      expect(await ranAfter(context, () => row.update({ text: 'new' }))).toEqual(['comment', '"Comment"']);
    });

    test('a default scope that leaves attributes out is a part as well', async () => {
      const { comment, context } = await blog();
      comment.addScope('defaultScope', { attributes: { exclude: ['articleId'] } }, { override: true });
      const row = (await comment.findByPk(1)) as Row;
      expect(await ranAfter(context, () => row.update({ text: 'new' }))).toEqual(all);
    });

    test('an attribute that the database computes is unknown', async () => {
      const { comment, context } = await blog();
      const row = (await comment.findByPk(1)) as Row;
      const field = sequelize.getDialect() === 'postgres' ? '"articleId"' : 'articleId';
      const ran = await ranAfter(context, () => row.update({ articleId: literal(`${field} + 1`) }));
      expect(ran).toEqual(expect.arrayContaining(['one', 'two']));
    });

    test('touches that ask an association that was not loaded: the row of the foreign key', async () => {
      const { comment, context } = await blog();
      site.sweeper.register('Comment', { touches: (row: unknown) => (row as Row).article ?? [] });
      const row = (await comment.findByPk(1)) as Row;
      expect(await ranAfter(context, () => row.update({ text: 'new' }))).toEqual(['one', 'comment', '"Comment"']);
      expect(await ranAfter(context, () => row.update({ articleId: 2 }))).toEqual(all);
      const partly = await part(comment);
      expect(await ranAfter(context, () => partly.update({ text: 'newer' }))).toEqual(all);
      expect(await ranAfter(context, () => comment.update({ text: 'bulk' }, { where: { text: 'newer' } }))).toEqual(
        all,
      );
      const loaded = (await comment.findByPk(1, { include: 'article' })) as Row;
      expect(await ranAfter(context, () => loaded.update({ articleId: 1 }))).toEqual(all);
    });

    test('an association of many rows that was not loaded: their type', async () => {
      const { article, context } = await blog();
      site.sweeper.register('Article', { touches: (row: unknown) => (row as Row).comments ?? [] });
      site.sweeper.register('Comment', { touches: () => [] });
      const row = (await article.findByPk(2)) as Row;
      const ran = await ranAfter(context, () => row.update({ title: 'new' }));
      expect(ran).toEqual(['two', 'comment', '"Comment"']);
      const loaded = (await article.findByPk(2, { include: 'comments' })) as Row;
      expect(await ranAfter(context, () => loaded.update({ title: 'newer' }))).toEqual(['two']);
    });

    const article = (row: Row) => ({ type: 'Article', id: row.articleId });
    test.each<[string, (row: Row) => unknown, readonly string[]]>([
      ['is true', (row) => (row.likes ? article(row) : []), ['one', 'comment', '"Comment"']],
      ['is not', (row) => (row.likes ? [] : article(row)), ['one', 'comment', '"Comment"']],
      [
        'is true and another is not',
        (row) => (row.likes && !row.hidden ? article(row) : []),
        ['one', 'comment', '"Comment"'],
      ],
      ['and others are not', (row) => (!row.likes && !row.hidden ? article(row) : []), ['one', 'comment', '"Comment"']],
      ['is or is not', (row) => (row.likes ? 'Other' : article(row)), ['one', 'comment', '"Comment"', '"Other"']],
      ['has one value', (row) => (row.likes === 0 ? article(row) : []), [...all, '"Other"']],
    ])('touches that decide whether an unknown attribute %s: all that it may be', async (_title, touches, ran) => {
      const { comment, context } = await blog();
      site.sweeper.register('Comment', { touches: touches as never });
      const row = await part(comment, ['id', 'text', 'articleId']);
      expect(await ranAfter(context, () => row.update({ text: 'new' }))).toEqual(ran);
      const update = () => comment.update({ text: 'b' }, { where: { text: 'new' } });
      expect(await ranAfter(context, update)).toEqual(expect.arrayContaining(all));
    });

    test('touches that throw although all that they read is known are reported', async () => {
      const { comment, context } = await blog();
      site.sweeper.register('Comment', {
        touches: () => {
          throw new Error('no idea');
        },
      });
      const row = (await comment.findByPk(1)) as Row;
      expect(await ranAfter(context, () => row.update({ text: 'new' }))).toContain('"Other"');
      expect(errors.splice(0)).toMatchObject([{ message: 'no idea' }]);
    });

    test('touches that name a row without an id, although all that they read is known, are reported', async () => {
      const { comment, context } = await blog();
      site.sweeper.register('Comment', { touches: () => ({ type: 'Article', id: undefined }) });
      const row = (await comment.findByPk(1)) as Row;
      expect(await ranAfter(context, () => row.update({ text: 'new' }))).toContain('"Other"');
      expect(errors.splice(0)).toMatchObject([{ code: 'CACHESWEEPER_NO_IDENTITY' }]);
    });

    test('Model.update() that changes the key itself: nobody finds the row again, so the type', async () => {
      const { comment, context } = await blog();
      await comment.create({ id: 9, text: 'b', articleId: 2 });
      const nine = await comment.findByPk(9);
      await comment.destroy({ where: { id: 9 } });
      const ran = await ranAfter({ ...context, comment: nine }, () => comment.update({ id: 9 }, { where: { id: 1 } }));
      expect(ran).toEqual(all);
    });
  });

  describe(`two models on one table`, () => {
    const people = async (hook: object = {}) => {
      const define = await start(['person', 'employee', '"Person"', '"Employee"', '"Other"'], 'later');
      const attributes = { name: DataTypes.TEXT, salary: DataTypes.INTEGER };
      const person = define('Person', attributes, { tableName: 'people' });
      const employee = define('Employee', attributes, { tableName: 'people' });
      sweepOnSave(sequelize, site.sweeper, hook);
      await sequelize.sync({ force: true });
      await person.bulkCreate([{ name: 'Ada' }, { name: 'Bob' }]);
      const context = { person: await person.findByPk(1), employee: await employee.findByPk(1) };
      return { person, employee, context };
    };
    const one = ['person', 'employee', '"Person"', '"Employee"'];

    test.each(['Person', 'Employee'])('a save of %s is one of both, and of no other row', async (name) => {
      const { context } = await people();
      const [first, second] = (await sequelize.model(name).findAll({ order: ['id'] })) as [Row, Row];
      expect(await ranAfter(context, () => first.update({ name: 'new' }))).toEqual(one);
      expect(await ranAfter(context, () => second.update({ name: 'new' }))).toEqual(['"Person"', '"Employee"']);
      expect(await ranAfter(context, () => first.destroy())).toEqual(one);
    });

    test.each<[string, (rows: Rows) => Promise<unknown>]>([
      ['Model.update()', (rows) => rows.update({ salary: 1 }, { where: { name: 'Bob' } })],
      ['Model.increment()', (rows) => rows.increment('salary', { where: { name: 'Bob' } }) as Promise<unknown>],
      ['Model.destroy()', (rows) => rows.destroy({ where: { name: 'Bob' } })],
      ['Model.bulkCreate()', (rows) => rows.bulkCreate([{ name: 'Cid' }])],
      ['queryInterface.bulkUpdate()', () => sequelize.getQueryInterface().bulkUpdate('people', { salary: 1 }, {})],
      ['queryInterface.bulkInsert()', () => sequelize.getQueryInterface().bulkInsert('people', [{ name: 'Cid' }])],
      ['queryInterface.bulkDelete()', () => sequelize.getQueryInterface().bulkDelete('people', { name: 'Bob' })],
    ])('%s is of both types', async (_title, write) => {
      const { employee, context } = await people();
      expect(await ranAfter(context, () => write(employee))).toEqual(one);
    });

    test('one of them by its schema, the other by a class derived for it', async () => {
      const define = await start(['note', 'memo', 'link', '"Other"']);
      const note = define('Note', { text: DataTypes.TEXT }, { tableName: 'notes' }).schema('tenant_a') as Rows;
      const memo = define('Memo', { text: DataTypes.TEXT }, { tableName: 'notes', schema: 'tenant_a' });
      if (sequelize.getDialect() === 'postgres') await sequelize.query('CREATE SCHEMA tenant_a');
      await note.sync({ force: true });
      const link = define('Link', {
        noteId: {
          type: DataTypes.INTEGER,
          references: { model: { tableName: 'notes', schema: 'tenant_a' }, key: 'id' },
          onDelete: 'CASCADE',
        },
      });
      await link.sync({ force: true });
      const row = await note.create({ text: 'a' });
      const context = { note: row, memo: await memo.findByPk(1), link: await link.create({ noteId: 1 }) };
      await note.findByPk(1);
      expect(await ranAfter(context, () => row.update({ text: 'b' }))).toEqual(['note', 'memo']);
      expect(await ranAfter(context, () => (context.memo as Row).update({ text: 'c' }))).toEqual(['note', 'memo']);
      expect(await ranAfter(context, () => row.destroy())).toEqual(['note', 'memo', 'link']);
    });

    test('a model that is excluded does not silence the other', async () => {
      const { employee, context } = await people({ exclude: ['Employee'] });
      const first = (await employee.findByPk(1)) as Row;
      expect(await ranAfter(context, () => first.update({ name: 'new' }))).toEqual(['person', '"Person"']);
    });

    test('both may be known by one type, because their rows are the same', async () => {
      const { person, employee, context } = await people({ models: { Employee: { type: 'Person' } } });
      expect(await ranAfter(context, async () => (await employee.findByPk(1))?.update({ name: 'new' }))).toEqual([
        'person',
        'employee',
        '"Person"',
      ]);
      expect(await ranAfter(context, () => person.update({ name: 'newer' }, { where: { name: 'new' } }))).toEqual([
        'person',
        'employee',
        '"Person"',
      ]);
    });

    test('what one model has not got of the other is unknown to touches and to using', async () => {
      const define = await start(['article', 'note', '"Note"'], 'later');
      define('Article', { title: DataTypes.TEXT });
      const note = define('Note', { text: DataTypes.TEXT, articleId: DataTypes.INTEGER, version: DataTypes.INTEGER });
      await sequelize.sync({ force: true });
      const brief = define('Brief', { text: DataTypes.TEXT }, { tableName: 'Notes' });
      sweepOnSave(sequelize, site.sweeper, { models: { Note: { using: 'version' } } });
      site.sweeper.register('Note', {
        touches: (row: unknown) => ((row as Row).articleId ? [{ type: 'Article', id: (row as Row).articleId }] : []),
      });
      const article = await sequelize.model('Article').create({ title: 'one' });
      const context = { article, note: await note.create({ text: 'a', articleId: 1, version: 1 }) };
      for (const text of ['b', 'c']) {
        const save = async () => (await brief.findByPk(1))?.update({ text });
        expect(await ranAfter(context, save)).toEqual(['article', 'note', '"Note"']);
      }
    });

    test('touches of both are asked', async () => {
      const { person, context } = await people();
      site.sweeper.register('Employee', { touches: () => 'Other' });
      const second = (await person.findByPk(2)) as Row;
      expect(await ranAfter(context, () => second.update({ name: 'new' }))).toEqual([
        '"Person"',
        '"Employee"',
        '"Other"',
      ]);
    });
  });

  describe('using with a date of whole seconds', () => {
    test('the second save within one second is heard, and one that was not loaded', async () => {
      const define = await start(['post'], 'later');
      const post = define('Post', { text: DataTypes.TEXT, savedAt: DataTypes.DATE(0) });
      sweepOnSave(sequelize, site.sweeper, { models: { Post: { using: 'savedAt' } } });
      await sequelize.sync({ force: true });
      const row = await post.create({ text: 'a', savedAt: new Date(1_000) });
      const context = { post: row };
      for (const text of ['b', 'c']) {
        const save = () => row.update({ text, savedAt: new Date(5_000) });
        expect(await ranAfter(context, save)).toEqual(['post']);
      }
      const part = (await post.findByPk(1, { attributes: ['id'] })) as Row;
      expect(await ranAfter(context, () => part.update({ text: 'd' }))).toEqual(['post']);
    });
  });

  describe(`keys that are not called id`, () => {
    const keyed = async () => {
      const define = await start(['session', 'line', 'log', '"Session"', '"Line"', '"Other"']);
      const session = define('Session', { sid: { type: DataTypes.STRING, primaryKey: true }, data: DataTypes.TEXT });
      const key = { type: DataTypes.INTEGER, primaryKey: true };
      const line = define('Line', { tenantId: { ...key, field: 'tenant_id' }, id: key, text: DataTypes.TEXT });
      const log = define('Log', { text: DataTypes.TEXT });
      log.removeAttribute('id');
      await sequelize.sync({ force: true });
      await session.bulkCreate([
        { sid: 'x', data: 'a' },
        { sid: 'y', data: 'a' },
      ]);
      await line.bulkCreate([
        { tenantId: 1, id: 1, text: 'of 1' },
        { tenantId: 2, id: 1, text: 'of 2' },
      ]);
      const context = {
        session: await session.findByPk('x'),
        line: await line.findOne({ where: { tenantId: 1 } }),
        log: 'Log',
      };
      return { session, line, log, context };
    };

    test('a session that is not shown invalidates nothing but lists of sessions', async () => {
      const { session, context } = await keyed();
      const y = (await session.findByPk('y')) as Row;
      expect(await ranAfter(context, () => y.update({ data: 'b' }))).toEqual(['"Session"']);
      expect(await ranAfter(context, () => session.create({ sid: 'z' }))).toEqual(['"Session"']);
      expect(await ranAfter(context, () => y.destroy())).toEqual(['"Session"']);
    });

    test('the row of the key is what its instances and plain rows are cached as', async () => {
      const { session, context } = await keyed();
      const x = (await session.findByPk('x')) as Row;
      expect(await ranAfter(context, () => x.update({ data: 'b' }))).toEqual(['session', '"Session"']);
      const update = () => session.update({ data: 'c' }, { where: { sid: 'x' } });
      expect(await ranAfter(context, update)).toEqual(['session', '"Session"']);
      const plain = new Site('{% cachesweeper row 0 type="Session" %}{{ row.data }}{% endcachesweeper %}');
      sweepOnSave(sequelize, plain.sweeper);
      const raw = () => session.findByPk('x', { raw: true });
      await plain.render({ row: await raw() });
      await x.update({ data: 'd' });
      expect((await plain.render({ row: await raw() })).html).toBe('d');
    });

    test('a key of two attributes is both of them, also where one is called id', async () => {
      const { line, context } = await keyed();
      const [first, second] = (await line.findAll({ order: ['tenantId'] })) as [Row, Row];
      expect(await ranAfter(context, () => second.update({ text: 'new' }))).toEqual(['"Line"']);
      expect(await ranAfter(context, () => first.update({ text: 'new' }))).toEqual(['line', '"Line"']);
      const where = { tenantId: 2, id: 1 };
      expect(await ranAfter(context, () => line.update({ text: 'newer' }, { where }))).toEqual(['"Line"']);
      expect(await ranAfter(context, () => line.increment('id', { by: 8, where }) as Promise<unknown>)).toEqual([
        'line',
        '"Line"',
      ]);
      const shown = new Site('{% cachesweeper line 0 %}{{ line.text }}{% endcachesweeper %}');
      sweepOnSave(sequelize, shown.sweeper);
      expect((await shown.render({ line: first })).html).toBe('new');
      expect((await shown.render({ line: second })).html).toBe('new');
      const [touched] = [{ type: 'Line', id: [1, 1] }];
      expect(await ranAfter(context, () => site.sweeper.invalidateCacheFor(touched))).toEqual(['line', '"Line"']);
    });

    test.each(['cacheIdentity', 'identify'])(
      'rows that %s gives another type: a write of unknown rows is of it',
      async (by) => {
        const identify = (row: unknown) =>
          row instanceof Model ? { type: 'Told', id: (row as Row).slug as string } : undefined;
        const define = await start(['row', '"Told"', '"Other"'], {}, by === 'identify' ? { identify } : {});
        const row = define('Page', { slug: DataTypes.STRING, text: DataTypes.TEXT });
        if (by === 'cacheIdentity') {
          Object.defineProperty(row.prototype, 'cacheIdentity', {
            value(this: Row) {
              return { type: 'Told', id: this.slug };
            },
          });
        }
        await sequelize.sync({ force: true });
        const context = { row: await row.create({ slug: 's', text: 'a' }) };
        const update = () => row.update({ text: 'new' }, { where: { text: 'a' } });
        expect(await ranAfter(context, update)).toEqual(['row', '"Told"']);
        const part = (await row.findByPk(1, { attributes: ['id'] })) as Row;
        expect(await ranAfter(context, () => part.update({ text: 'b' }))).toEqual(['row', '"Told"']);
      },
    );

    test('a model without a key: its type, and what its rows touch', async () => {
      const { log, context } = await keyed();
      site.sweeper.register('Log', { touches: () => ({ type: 'Session', id: 'x' }) });
      const ran = await ranAfter(context, () => log.create({ text: 'new' }));
      expect(ran).toEqual(['session', 'log', '"Session"']);
    });

    test('an id that is known to be unique goes on to be the id, whatever the primary key', async () => {
      const define = await start(['doc']);
      const doc = define('Doc', {
        uuid: { type: DataTypes.STRING, primaryKey: true },
        id: { type: DataTypes.INTEGER, unique: true },
      });
      await sequelize.sync({ force: true });
      const context = { doc: await doc.create({ uuid: 'u', id: 5 }) };
      expect(await ranAfter(context, () => site.sweeper.invalidateCacheFor({ type: 'Doc', id: 5 }))).toEqual(['doc']);
      expect(await ranAfter(context, () => context.doc.update({ id: 6 }))).toEqual(['doc']);
    });
  });
}
