import { sweepOnSave } from 'nunjucks-cachesweeper/sequelize';
import { DataTypes, Model, Sequelize } from 'sequelize';
import { beforeAll, describe, expect, test } from 'vitest';
import { F, kindsFor, Site, T } from '../../reads/support.ts';
import { libsqlAsSqlite3 as libsql } from './libsql-as-sqlite3.ts';

const kinds = kindsFor(import.meta.url);

const database = new Sequelize({
  dialect: 'sqlite',
  dialectModule: libsql as never,
  storage: ':memory:',
  logging: false,
});
class Article extends Model {}
class Author extends Model {}
/** Prints what its rows hold. */
class Note extends Model {
  override toString(): string {
    return `${this.get('isMine') ? 'my ' : ''}note`;
  }
}
Author.init({ name: DataTypes.STRING, bio: DataTypes.STRING }, { sequelize: database });
Article.init(
  {
    title: DataTypes.STRING,
    teaser: DataTypes.STRING,
    isMine: DataTypes.VIRTUAL,
    by: {
      type: DataTypes.VIRTUAL,
      get(this: Model & { author?: { name: string } }) {
        return this.author?.name ?? 'nobody';
      },
    },
  },
  { sequelize: database },
);
Note.init({ title: DataTypes.STRING, isMine: DataTypes.VIRTUAL }, { sequelize: database });
class Post extends Model {}
Post.init({ title: DataTypes.STRING, isMine: DataTypes.VIRTUAL }, { sequelize: database });
// As a plugin does.
Object.defineProperty(Post.prototype, 'title', {
  get(this: Post) {
    return `${this.getDataValue('isMine') === true ? 'my post' : this.getDataValue('title')}`;
  },
});
Article.belongsTo(Author, { as: 'author', foreignKey: 'authorId' });

beforeAll(async () => {
  await database.sync();
  const author = await Author.create({ name: 'Ann', bio: 'writes' });
  for (let i = 0; i < 50; i++) await Article.create({ title: `T${i}`, teaser: 'tease', authorId: author.get('id') });
});

type Load = () => Promise<Model | null>;
const part: Load = () => Article.findOne({ attributes: ['id', 'title'] });
const full: Load = () => Article.findOne();
const joined: Load = () => Article.findOne({ include: 'author' });
const joinedPart: Load = () => Article.findOne({ include: [{ association: 'author', attributes: ['id'] }] });
const mine = (isMine: boolean) => async (): Promise<Model | null> => {
  const article = await full();
  article?.set('isMine', isMine);
  return article;
};

const known = {
  registered: () => {},
  'listened to': (site: Site) => sweepOnSave(database, site.sweeper),
} as const;
const ways = kinds.flatMap((kind) => (['registered', 'listened to'] as const).map((how) => [kind, how] as const));

describe.each(ways)('an attribute of a Sequelize row, in %s, %s', (kind, how) => {
  const shown = async (body: string, loads: readonly Load[]) => {
    for (const source of [F('article', body), T(`{% for article in list %}${body}{% endfor %}`), T(body)]) {
      const site = new Site(source, kind);
      known[how](site);
      for (const model of [Article, Author]) site.sweeper.register(model, {});
      for (const load of [...loads, ...loads, ...loads]) {
        const article = await load();
        await site.show(() => ({ a: { cacheIdentity: { type: 'A', id: 1 } }, article, list: [article] }));
      }
      expect(site.outcomes.at(-1)).toBe('hit');
    }
  };
  test('that was not loaded', () => shown('{{ article.title }} {{ article.teaser }}', [part, full]));
  test('that was not loaded, in a condition', () =>
    shown('{% if article.teaser %}{{ article.teaser }}{% else %}none{% endif %}', [full, part]));
  test('that the page sets', () =>
    shown('{{ article.title }}{% if article.isMine %} edit{% endif %}', [mine(true), mine(false), full]));
  test('that is computed from an association', () => shown('{{ article.by }}', [full, joined]));
  test('of an association that was loaded in part', () => shown('{{ article.author.bio }}', [joinedPart, joined]));

  test('is the same however the row was found', async () => {
    const site = new Site(F('article', '{{ article.title }} {{ article.teaser }} {{ article.by }}'), kind);
    await site.show(await once(() => Article.findByPk(1)));
    for (const load of [
      full,
      () => Article.findOne({ where: { title: 'T0' } }),
      async () => (await Article.findAll({ order: ['id'] }))[0] as Model,
      async () => (await full())?.reload() ?? null,
    ] satisfies Load[]) {
      expect(await site.show(await once(load))).toEqual(['hit']);
    }
  });
  test('of a row that prints it', async () => {
    for (const body of ['{{ x }}', '{{ x.title }}{% for y in [x] %}{{ y ~ "" }}{% endfor %}', '{{ a.x }}']) {
      const site = new Site(T(body), kind);
      known[how](site);
      for (const isMine of [true, false, true, false]) {
        const x = Note.build({ id: 1, title: 'T' }, { raw: true, isNewRecord: false }).set('isMine', isMine);
        await site.show(() => ({ a: { cacheIdentity: { type: 'A', id: 1 }, x }, x }));
      }
      expect(site.outcomes).toEqual(['hit']);
    }
  });
  test('whose getter was replaced', async () => {
    const site = new Site(F('post', '{{ post.title }}'), kind);
    known[how](site);
    for (const isMine of [false, true, false, true]) {
      const post = Post.build({ id: 1, title: 'T' }, { raw: true, isNewRecord: false }).set('isMine', isMine);
      await site.show(() => ({ post }));
    }
    expect(site.outcomes).toEqual(['hit']);
  });
  test('of a row that prints only its class: nothing is compared', async () => {
    const site = new Site(T('{{ article }}{{ article.title }}'), kind);
    sweepOnSave(database, site.sweeper);
    for (const load of [full, full, mine(true), part])
      await site.show(await once(load, { cacheIdentity: { type: 'A', id: 1 } }));
    expect(site.outcomes).toEqual(['hit']);
  });
  test('of many rows: stored, and found again', async () => {
    const site = new Site(
      T('{% for article in a.list %}{{ article.title }}{{ article.teaser }}{{ article.by }}{% endfor %}'),
      kind,
    );
    for (let i = 0; i < 2; i++) {
      const list = await Article.findAll();
      await site.show(() => ({ a: { cacheIdentity: { type: 'A', id: 1 }, list } }));
    }
    expect(site.outcomes).toEqual(['hit']);
  });
});

async function once(load: Load, a?: object): Promise<() => object> {
  const article = await load();
  return () => ({ article, a });
}
