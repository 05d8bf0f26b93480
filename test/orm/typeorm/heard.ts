import { type SaveHookOptions, sweepOnSave } from 'nunjucks-cachesweeper/typeorm';
import type { DataSource, DataSourceOptions, Repository } from 'typeorm';
import { afterEach, describe, expect, test } from 'vitest';
import { fragment, Site } from '../../sweeper/site.ts';
import { metTests } from '../met.ts';
import { type TypeOrm, VERSIONS } from './database.ts';

class Person {
  declare id: number;
  declare name: string;
}
class Employee extends Person {
  declare salary: number | null;
}
/** Another class of the table that people are in. */
class Card {
  declare id: number;
  declare name: string;
}
class Article {
  declare id: number;
  declare title: string;
  declare remarks: Remark[];
}
class Remark {
  declare id: number;
  declare text: string;
  declare secret: string | null;
  declare article: Article | null;
}
/** Given to an employee or any other person. */
class Badge {
  declare id: number;
  declare person: Person | null;
}
class Category {
  declare id: number;
  declare slug: string;
  declare parent: Category | null;
}
class Group {
  declare id: number;
  declare slug: string;
  declare code: number;
}
class Membership {
  declare id: number;
  declare group: Group | null;
}
class Session {
  declare sid: string;
  declare data: string;
}
/** Has columns in an object that is embedded in it, one of them called as its own key is. */
class Post {
  declare id: number;
  declare text: string;
  declare version: number;
  declare meta: { id: number | null; articleId: number | null; secret?: string };
}
class Line {
  declare tenantId: number;
  declare id: number;
  declare text: string;
}

const id = { type: 'integer', primary: true, generated: 'increment' } as const;
const text = { type: 'text', nullable: true } as const;

const entitiesOf = ({ EntitySchema }: TypeOrm) => [
  new EntitySchema<Person>({
    name: 'Person',
    target: Person,
    tableName: 'people',
    columns: { id, name: text, kind: { type: 'varchar', default: 'Person' } } as never,
    inheritance: { pattern: 'STI', column: 'kind' },
    discriminatorValue: 'Person',
  }),
  new EntitySchema<Employee>({
    name: 'Employee',
    target: Employee,
    type: 'entity-child',
    columns: { id, name: text, salary: { type: 'integer', nullable: true } },
    discriminatorValue: 'Employee',
  }),
  new EntitySchema<Card>({
    name: 'Card',
    target: Card,
    tableName: 'people',
    columns: { id, name: text },
    synchronize: false,
  }),
  new EntitySchema<Article>({
    name: 'Article',
    target: Article,
    columns: { id, title: text },
    relations: { remarks: { type: 'one-to-many', target: 'Remark', inverseSide: 'article' } },
  }),
  new EntitySchema<Remark>({
    name: 'Remark',
    target: Remark,
    columns: { id, text, secret: { ...text, select: false } },
    relations: { article: { type: 'many-to-one', target: 'Article', inverseSide: 'remarks', joinColumn: true } },
  }),
  new EntitySchema<Badge>({
    name: 'Badge',
    target: Badge,
    columns: { id },
    relations: { person: { type: 'many-to-one', target: 'Person', joinColumn: true, onDelete: 'SET NULL' } },
  }),
  new EntitySchema<Category>({
    name: 'Category',
    target: Category,
    columns: { id, slug: { type: 'text', unique: true } },
    relations: {
      parent: {
        type: 'many-to-one',
        target: 'Category',
        joinColumn: { name: 'parent', referencedColumnName: 'slug' },
        nullable: true,
        onDelete: 'SET NULL',
        onUpdate: 'CASCADE',
      },
    },
  }),
  new EntitySchema<Group>({
    name: 'Group',
    target: Group,
    tableName: 'groupings',
    columns: { id, slug: { type: 'text', unique: true }, code: { type: 'integer', unique: true } },
  }),
  new EntitySchema<Membership>({
    name: 'Membership',
    target: Membership,
    columns: { id },
    relations: {
      group: {
        type: 'many-to-one',
        target: 'Group',
        joinColumn: { name: 'slug', referencedColumnName: 'slug' },
        onUpdate: 'CASCADE',
      },
    },
  }),
  new EntitySchema<Session>({
    name: 'Session',
    target: Session,
    columns: { sid: { type: 'text', primary: true }, data: text },
  }),
  new EntitySchema<Post>({
    name: 'Post',
    target: Post,
    columns: { id, text, version: { type: 'integer', version: true } },
    embeddeds: {
      meta: {
        schema: new EntitySchema<Post['meta']>({
          name: 'Meta',
          columns: {
            id: { type: 'integer', nullable: true },
            articleId: { type: 'integer', nullable: true },
            secret: { ...text, select: false },
          },
        }),
        prefix: 'meta_',
      },
    },
  }),
  new EntitySchema<Line>({
    name: 'Line',
    target: Line,
    columns: { tenantId: { type: 'integer', primary: true }, id: { type: 'integer', primary: true }, text },
  }),
];

/** Saves that need other entities than the blog's. */
export function heardSuite(title: string, open: () => Promise<DataSourceOptions>): void {
  describe.each(Object.entries(VERSIONS))(`%s ${title}, other entities`, (_version, orm) => suite(open, orm));
}

function suite(open: () => Promise<DataSourceOptions>, orm: TypeOrm): void {
  let source: DataSource;
  let site: Site;
  const errors: unknown[] = [];
  afterEach(async () => {
    await source.destroy();
    expect(errors.splice(0)).toEqual([]);
  });

  const connect = async (options: object = {}) =>
    new orm.DataSource({
      ...(await open()),
      ...options,
      entities: entitiesOf(orm),
      synchronize: true,
      dropSchema: true,
    } as never).initialize();
  /** A site whose tags are these expressions, which are their labels. */
  const start = async (tags: readonly string[], hook: SaveHookOptions = {}) => {
    site = new Site(tags.map((tag) => fragment(`${tag} 0`, `'${tag}'`)).join(''), {
      onError: (error) => errors.push(error),
    });
    source = await connect();
    sweepOnSave(source, site.sweeper, hook);
  };
  const ranAfter = async (context: object, write: () => Promise<unknown>) => {
    site.settle();
    await site.render(context);
    expect((await site.render(context)).ran).toEqual([]);
    await write();
    return (await site.render(context)).ran;
  };

  describe('single-table inheritance, and another class of the table', () => {
    const all = ['person', 'employee', 'card', '"Person"', '"Employee"', '"Card"'];
    const lists = all.slice(3);
    const people = async () => {
      await start([...all, '"Article"']);
      const persons = source.getRepository(Person);
      const employees = source.getRepository(Employee);
      await employees.save([employees.create({ name: 'Ada' }), employees.create({ name: 'Bob' })]);
      const employee = await employees.findOneByOrFail({ id: 1 });
      const person = Object.assign(new Person(), { id: 1, name: 'Ada' });
      return {
        persons,
        employees,
        context: { person, employee, card: await source.manager.findOneBy(Card, { id: 1 }) },
      };
    };

    test("a child's save is one of its parent's row, and of no other row", async () => {
      const { employees, context } = await people();
      expect(await ranAfter(context, () => employees.save({ id: 1, name: 'new' }))).toEqual(all);
      expect(await ranAfter(context, () => employees.save({ id: 2, salary: 5 }))).toEqual(lists);
      expect(await ranAfter(context, () => employees.save(employees.create({ name: 'Cid' })))).toEqual(lists);
      expect(await ranAfter(context, async () => employees.remove(await employees.findOneByOrFail({ id: 2 })))).toEqual(
        lists,
      );
    });

    test("a save by the parent's repository is one of the child's row", async () => {
      const { persons, context } = await people();
      const save = async () => persons.save(Object.assign(await persons.findOneByOrFail({ id: 1 }), { name: 'new' }));
      expect(await ranAfter(context, save)).toEqual(all);
      expect(await ranAfter(context, () => source.manager.save(Card, { id: 1, name: 'newer' }))).toEqual(all);
    });

    test.each<[string, (persons: Repository<Person>, employees: Repository<Employee>) => Promise<unknown>]>([
      ["the parent's update()", (persons) => persons.update(2, { name: 'new' })],
      ["the child's update()", (_persons, employees) => employees.update(2, { salary: 1 })],
      ["the parent's delete()", (persons) => persons.delete(2)],
      ["the child's insert()", (_persons, employees) => employees.insert({ name: 'Cid' })],
      ["the child's increment()", (_persons, employees) => employees.increment({ id: 2 }, 'salary', 1)],
    ])('%s is of all types of the table', async (_title, write) => {
      const { persons, employees, context } = await people();
      expect(await ranAfter(context, () => write(persons, employees))).toEqual(all);
    });

    test("touches of the parent are asked for a child's save", async () => {
      const { employees, context } = await people();
      site.sweeper.register('Person', { touches: () => 'Article' });
      expect(await ranAfter(context, () => employees.save({ id: 2, salary: 5 }))).toEqual([...lists, '"Article"']);
    });
  });

  describe('rows that the database changes with others', () => {
    test('those that refer to the row of a child class, by the foreign key to its parent: their type', async () => {
      await start(['badge', '"Article"']);
      const employees = source.getRepository(Employee);
      const person = await employees.save(employees.create({ name: 'Ada' }));
      const badges = source.getRepository(Badge);
      const badge = await badges.save(badges.create({ person }));
      const remove = async () => employees.remove(await employees.findOneByOrFail({ id: person.id }));
      expect(await ranAfter({ badge }, remove)).toEqual(['badge']);
    });

    test('those of the same table: their type', async () => {
      await start(['child', '"Article"']);
      const categories = source.getRepository(Category);
      const root = await categories.save(categories.create({ slug: 'root' }));
      const child = await categories.save(categories.create({ slug: 'child', parent: root }));
      const context = { child };
      expect(await ranAfter(context, () => categories.save({ id: root.id, slug: 'top' }))).toEqual(['child']);
      expect(await ranAfter(context, async () => categories.remove(root))).toEqual(['child']);
      const after = await categories.findOneOrFail({ where: { slug: 'child' }, relations: { parent: true } });
      expect(after.parent).toBeNull();
    });

    test('those of another table after an upsert: their type', async () => {
      await start(['membership', '"Article"']);
      const groups = source.getRepository(Group);
      const group = await groups.save(groups.create({ slug: 'a', code: 1 }));
      const memberships = source.getRepository(Membership);
      const context = { membership: await memberships.save(memberships.create({ group })) };
      expect(await ranAfter(context, () => groups.upsert({ slug: 'b', code: 1 }, ['code']))).toEqual(['membership']);
      const [{ group: now } = { group: null }] = await memberships.find({ relations: { group: true } });
      expect(now?.slug).toBe('b');
      expect(await ranAfter(context, () => groups.insert({ slug: 'c', code: 2 }))).toEqual([]);
    });
  });

  describe('relations and columns that were not loaded', () => {
    const all = ['one', 'two', 'remark', '"Remark"'];
    const blog = async (touches: (remark: Remark) => unknown) => {
      await start([...all, '"Person"']);
      site.sweeper.register('Remark', { touches: (row: unknown) => touches(row as Remark) });
      const one = await source.manager.save(Object.assign(new Article(), { title: 'one' }));
      const two = await source.manager.save(Object.assign(new Article(), { title: 'two' }));
      const remarks = source.getRepository(Remark);
      const remark = await remarks.save(remarks.create({ text: 'a', article: one }));
      return { remarks, one, two, context: { one, two, remark } };
    };

    test.each<[string, (remark: Remark) => unknown]>([
      ['the row of the relation, if there is one', ({ article }) => (article ? [article] : [])],
      ['its id', ({ article }) => (article ? [{ type: 'Article', id: article.id }] : [])],
      ['its id without asking', ({ article }) => [{ type: 'Article', id: article?.id }]],
    ])('touches that name %s: its type', async (_title, touches) => {
      const { remarks, two, context } = await blog(touches);
      expect(await ranAfter(context, () => remarks.save({ id: 1, text: 'new' }))).toEqual(all);
      const loaded = await remarks.findOneByOrFail({ id: 1 });
      expect(await ranAfter(context, () => remarks.save(Object.assign(loaded, { text: 'newer' })))).toEqual(all);
      expect(await ranAfter(context, () => remarks.update(1, { text: 'bulk' }))).toEqual(all);
      expect(await ranAfter(context, () => remarks.save({ id: 1, article: two }))).toEqual(all);
      expect(await ranAfter(context, async () => remarks.remove(await remarks.findOneByOrFail({ id: 1 })))).toEqual(
        all,
      );
    });

    test('a relation that was loaded is known, as it was and as it is', async () => {
      const { remarks, context } = await blog(({ article }) => (article ? [article] : []));
      const loaded = await remarks.findOneOrFail({ where: { id: 1 }, relations: { article: true } });
      const save = () => remarks.save(Object.assign(loaded, { text: 'new' }));
      expect(await ranAfter(context, save)).toEqual(['one', 'remark', '"Remark"']);
      const move = () => remarks.save({ id: 1, article: 2 } as never);
      expect(await ranAfter(context, move)).toEqual(all);
    });

    test('rows of the other side that were not loaded: their type', async () => {
      const { one, context } = await blog(() => []);
      site.sweeper.register('Article', { touches: (row: unknown) => (row as Article).remarks ?? [] });
      const ran = await ranAfter(context, () => source.manager.save(Article, { id: one.id, title: 'new' }));
      expect(ran).toEqual(['one', 'remark', '"Remark"']);
    });

    test('a column that is not selected is unknown', async () => {
      const { remarks, context } = await blog(({ secret }) => (secret ? [{ type: 'Article', id: 2 }] : []));
      expect(await ranAfter(context, () => remarks.save({ id: 1, text: 'new' }))).toContain('two');
    });
  });

  describe('columns of an embedded object', () => {
    const all = ['one', 'two', 'post', '"Post"'];
    const blog = async (touches: (post: Post) => unknown, hook: SaveHookOptions = {}) => {
      await start([...all, '"Person"'], hook);
      site.sweeper.register('Post', { touches: (row: unknown) => touches(row as Post) });
      const posts = source.getRepository(Post);
      const [one, two] = await source.manager.save([1, 2].map((id) => Object.assign(new Article(), { id })));
      const post = await posts.save(posts.create({ text: 'a', meta: { id: 7, articleId: 1 } }));
      return { posts, context: { one, two, post } };
    };
    const ofArticle = ({ meta }: Post) => (meta?.articleId ? [{ type: 'Article', id: meta.articleId }] : []);

    test('touches see them as they were and as they are', async () => {
      const { posts, context } = await blog(ofArticle);
      expect(await ranAfter(context, () => posts.save({ id: 1, text: 'new' }))).toEqual(['one', 'post', '"Post"']);
      expect(await ranAfter(context, () => posts.save({ id: 1, meta: { articleId: 2 } }))).toEqual(all);
      expect(await ranAfter(context, () => posts.update(1, { text: 'bulk' }))).toEqual(all);
      const remove = async () => posts.remove(await posts.findOneByOrFail({ id: 1 }));
      expect(await ranAfter(context, remove)).toEqual(['two', 'post', '"Post"']);
    });

    test('one with the name of the key is not the key', async () => {
      const { posts, context } = await blog(() => []);
      expect(await ranAfter(context, () => posts.save(posts.create({ text: 'b', meta: { id: 1 } })))).toEqual([
        '"Post"',
      ]);
    });

    test('one that is not selected is unknown', async () => {
      const { posts, context } = await blog(({ meta }) => (meta?.secret ? 'Article' : []));
      expect(await ranAfter(context, () => posts.save({ id: 1, text: 'new' }))).toEqual(all);
    });

    test('using a version that was not read again (`reload: false`): the save counts', async () => {
      const { posts, context } = await blog(() => [], { models: { Post: { using: 'version' } } });
      for (const text of ['b', 'c', 'd']) {
        const save = () => posts.save({ id: 1, text }, { reload: false });
        expect(await ranAfter(context, save)).toEqual(['post', '"Post"']);
      }
    });
  });

  describe('keys that are not called id', () => {
    const keyed = async () => {
      await start(['session', 'line', '"Session"', '"Line"', '"Person"']);
      const sessions = source.getRepository(Session);
      const lines = source.getRepository(Line);
      const session = await sessions.save(sessions.create({ sid: 'x', data: 'a' }));
      await sessions.save(sessions.create({ sid: 'y', data: 'a' }));
      const line = await lines.save(lines.create({ tenantId: 1, id: 1, text: 'of 1' }));
      await lines.save(lines.create({ tenantId: 2, id: 1, text: 'of 2' }));
      return { sessions, lines, context: { session, line } };
    };

    test('a save is of the row of its key', async () => {
      const { sessions, context } = await keyed();
      expect(await ranAfter(context, () => sessions.save({ sid: 'x', data: 'b' }))).toEqual(['session', '"Session"']);
      expect(await ranAfter(context, () => sessions.save({ sid: 'y', data: 'b' }))).toEqual(['"Session"']);
      const remove = async () => sessions.remove(await sessions.findOneByOrFail({ sid: 'y' }));
      expect(await ranAfter(context, remove)).toEqual(['"Session"']);
    });

    test('a key of two columns is both of them, also where one is called id', async () => {
      const { lines, context } = await keyed();
      expect(await ranAfter(context, () => lines.save({ tenantId: 2, id: 1, text: 'new' }))).toEqual(['"Line"']);
      expect(await ranAfter(context, () => lines.save({ tenantId: 1, id: 1, text: 'new' }))).toEqual([
        'line',
        '"Line"',
      ]);
      const named = () => site.sweeper.invalidateCacheFor({ type: 'Line', id: [1, 1] });
      expect(await ranAfter(context, named)).toEqual(['line', '"Line"']);
    });
  });

  describe('rows that a body meets', () => {
    metTests(async (of, hook) => {
      if (source?.isInitialized) await source.destroy();
      source = await connect();
      const remarks = source.getRepository(Remark);
      await remarks.save([remarks.create({ text: 'a' }), remarks.create({ text: 'b' })]);
      sweepOnSave(source, of.sweeper, hook);
      return {
        name: 'Remark',
        load: () => remarks.find({ order: { id: 'ASC' } }),
        save: (index, text) => remarks.save({ id: index + 1, text }),
      };
    });

    test('an instance of a class that only extends an entity is data: no save is heard under its name', async () => {
      class Special extends Remark {}
      site = new Site(fragment('"Page" 0', '"page"', '{{ row.text }}'));
      source = await connect();
      sweepOnSave(source, site.sweeper);
      const of = (text: string) => ({ row: Object.assign(new Special(), { id: 1, text }) });
      await site.render(of('a'));
      expect((await site.render(of('a'))).ran).toEqual([]);
      expect((await site.render(of('b'))).ran).toEqual(['page']);
    });
  });

  describe('two data sources with the same classes', () => {
    test('of two databases are refused: their rows cannot be told apart', async () => {
      await start([]);
      const other = await connect();
      try {
        expect(() => sweepOnSave(other, site.sweeper)).toThrow(
          expect.objectContaining({ code: 'CACHESWEEPER_TYPE_CONFLICT', message: expect.stringContaining('Person') }),
        );
        expect(() => sweepOnSave(other, site.sweeper, { tenant: 'b' })).toThrow(
          expect.objectContaining({ code: 'CACHESWEEPER_BAD_OPTION' }),
        );
        // Its own sweeper is the remedy.
        sweepOnSave(other, new Site('').sweeper);
      } finally {
        await other.destroy();
      }
    });

    test('one that took the place of another refuses it when that is initialized again', async () => {
      await start([]);
      const first = source;
      await first.destroy();
      source = await connect();
      sweepOnSave(source, site.sweeper);
      await expect(first.initialize()).rejects.toMatchObject({ code: 'CACHESWEEPER_TYPE_CONFLICT' });
      expect(first.isInitialized).toBe(false);
    });

    test('one after the other are allowed', async () => {
      await start([]);
      await source.destroy();
      source = await connect();
      sweepOnSave(source, site.sweeper);
    });
  });
}
