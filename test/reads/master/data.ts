import nunjucks from 'nunjucks';
import { type CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { pick } from './seeds.ts';

// What the models are on a page: instances with data of their own, and methods that read nothing but that.

interface Shape {
  readonly id: number;
}

export class Author implements Shape {
  declare readonly id: number;
  declare name: string;
  declare rank?: number;
  declare shelf: { a: string };
  motto(): string {
    return `${this.name}!`;
  }
}

export class Comment implements Shape {
  declare readonly id: number;
  declare text: string;
  declare score: number;
  declare author?: Author;
  declare liked?: boolean;
  get shout(): string {
    return this.text.toUpperCase();
  }
  toString(): string {
    return `${this.liked ? '+' : '-'}${this.author === undefined ? '?' : ''}${this.text}`;
  }
}

export class Article implements Shape {
  declare readonly id: number;
  declare title: string;
  declare text?: string;
  declare n: number;
  declare tags: string[];
  declare meta: { size: number };
  declare author?: Author;
  declare comments: Comment[];
  declare liked?: boolean;
  get headline(): string {
    return `* ${this.title} *`;
  }
  byline(): string {
    return `${this.title} (${this.n})`;
  }
}

/** Nobody registers it; tags name its instances. */
export class Topic implements Shape {
  declare readonly id: number;
  declare label: string;
  declare n: number;
  loud(): string {
    return this.label.toUpperCase();
  }
}

/** An object of the page, which no tag names: what it holds changes from page to page. */
export class Badge {
  readonly id = 1;
  readonly label: string;
  readonly level: number;
  readonly meta: { readonly x: string };
  constructor(level: number, lang: string) {
    this.level = level;
    this.label = `badge ${level}`;
    this.meta = { x: `${lang}${level}` };
  }
  get shout(): string {
    return this.label.toUpperCase();
  }
  describe(more = ''): string {
    return `${this.label} <${this.level}> ${more}`;
  }
  toString(): string {
    return `${this.label} ${this.meta.x}`;
  }
}

/** The same, with what it holds where nobody sees it. */
export class Hidden {
  readonly #label: string;
  constructor(label: string) {
    this.#label = label;
  }
  get label(): string {
    return this.#label;
  }
  describe(): string {
    return `it is ${this.#label}`;
  }
}

/** The rows of the database: they change only together with a bump. */
interface Rows {
  readonly author: { id: number; name: string; rank: number; shelf: { a: string } }[];
  readonly comment: { id: number; text: string; score: number; author: number }[];
  readonly article: {
    id: number;
    title: string;
    text: string;
    n: number;
    tags: string[];
    meta: { size: number };
    author: number;
    comments: number[];
  }[];
  readonly topic: { id: number; label: string; n: number }[];
  readonly row: { id: number; text: string; n: number; meta: { a: string } }[];
  /** What `replies()` and `total()` load. */
  replies: number[];
}

/** What a page is rendered with beside its models: it changes from page to page, and nobody bumps anything. */
export interface Vars {
  lang: string;
  heading: string;
  number: number;
  page: { number: number; size: number };
  mood: unknown;
  flag: unknown;
  count: unknown;
  now: number;
  html: unknown;
  which: string;
  field: string;
  theme: { colour: string };
  locals: { brand: string };
  words: string[];
  rows: { id?: number; text: string; n: number; on: boolean; meta: { a: string } }[];
  dict: Record<string, unknown>;
  labels: Record<string, { hello: string; bye: string }>;
  badge: number;
  day: Date;
  hidden: string;
  url: string;
  user: object;
  /** Of the rows: which are shown, and in what order. */
  article: number;
  other: number;
  comment: number;
  author: number;
  topic: number;
  row: number;
  comments: number[];
  articles: number[];
  authors: number[];
  trows: number[];
  /** What was left out when they were loaded: a bit each. */
  partial: number;
  liked: number;
}

const MOODS = [
  'fine',
  undefined,
  null,
  '',
  0,
  false,
  Number.NaN,
  '0',
  -0,
  true,
  [],
  ['fine'],
  { a: 1 },
  10n,
  new nunjucks.runtime.SafeString('<em>fine</em>'),
  '<em>fine</em>',
];
const HTMLS = [
  '<i>a</i>',
  new nunjucks.runtime.SafeString('<i>a</i>'),
  '<i>1</i>',
  'x'.repeat(3_000),
  'y'.repeat(3_000),
];
const LISTS = [[0, 1, 2], [0, 1], [2, 1, 0], [1], [], [0, 0], [2]];
const LANGS = ['en', 'de', 'fr'];

/** What may change between two pages: to add one is to add a function. */
const VARIATIONS: readonly ((vars: Vars, by: number) => void)[] = [
  (v, by) => (v.lang = pick(LANGS, by)),
  (v, by) => (v.heading = pick(['text', 'n', 'id', 'nothing'], by)),
  (v, by) => (v.number = by % 4),
  (v, by) => (v.page = { number: by % 3, size: 10 }),
  (v, by) => (v.mood = pick(MOODS, by)),
  (v, by) => (v.flag = pick([true, false, undefined, 1, null], by)),
  (v, by) => (v.count = pick([0, 1, Number.NaN, '1', undefined, null, 1.5], by)),
  (v) => v.now++,
  (v, by) => (v.html = pick(HTMLS, by)),
  (v, by) => (v.which = `leaf${by % 2}.njk`),
  (v, by) => (v.field = pick(['title', 'n', 'nothing'], by)),
  (v, by) => (v.theme = { colour: pick(['red', 'blue'], by) }),
  (v, by) => (v.locals = { brand: pick(['A', 'B'], by) }),
  (v, by) => (v.words = pick([['en', 'b'], ['b', 'en'], ['c'], [], ['en', 'b', '<i>']], by)),
  (v, by) => {
    v.rows = v.rows.map((row, i) => (i === by % 3 ? { ...row, text: `row ${by}`, n: by % 3, on: by % 2 > 0 } : row));
  },
  (v, by) =>
    (v.rows = by % 2 === 0 ? v.rows.toReversed() : [...v.rows.slice(1), { ...plainRow(0), id: undefined as never }]),
  (v, by) =>
    (v.dict = pick<Record<string, unknown>>(
      [{ a: 1, en: 2 }, { en: 2, a: 1 }, { a: 1 }, { a: null }, { de: 'x' }, {}],
      by,
    )),
  (v, by) => (v.labels = { ...v.labels, [pick(LANGS, by)]: { hello: `hi ${by}`, bye: 'bye' } }),
  (v, by) => (v.badge = by % 3),
  (v, by) => (v.day = new Date((by % 3) * 86_400_000)),
  (v, by) => (v.hidden = pick(['a', 'b'], by)),
  (v, by) => (v.url = pick(['/a?q=1', '/a?q=2', '/b'], by)),
  (v, by) =>
    (v.user = pick(
      [
        { id: 1, name: 'Ann' },
        { id: 1, name: 'Anne' },
        { id: 2, name: 'Bob' },
        { sub: 1, name: 'C' },
        { sub: 2, name: 'D' },
      ],
      by,
    )),
  (v, by) => (v.article = by % 2),
  (v, by) => (v.other = by % 2),
  (v, by) => (v.comment = by % 3),
  (v, by) => (v.author = by % 2),
  (v, by) => (v.topic = by % 2),
  (v, by) => (v.row = by % 2),
  (v, by) => (v.comments = pick(LISTS, by)),
  (v, by) => (v.articles = pick([[0, 1], [1, 0], [1], []], by)),
  (v, by) => (v.authors = pick([[0, 1], [1, 0], [1]], by)),
  (v, by) => (v.trows = pick([[0, 1], [1, 0], [1], []], by)),
  (v, by) => (v.partial = by % 16),
  (v, by) => (v.liked = by % 3),
];

const plainRow = (i: number) => ({ id: i, text: `row ${i}`, n: i, on: i > 0, meta: { a: `m${i}` } });

export type ModelType = Exclude<keyof Rows, 'replies'>;

/** What a save changes: to add one is to add a function. It says which row was saved. */
const SAVES: readonly ((rows: Rows, by: number) => readonly [type: ModelType, at: number])[] = [
  ({ author }, by) => change(author, by, (row, v) => (row.name = `Author ${v}`), 'author'),
  ({ author }, by) => change(author, by, (row, v) => (row.rank = v % 5), 'author'),
  ({ author }, by) => change(author, by, (row, v) => (row.shelf = { a: `shelf ${v}` }), 'author'),
  ({ comment }, by) => change(comment, by, (row, v) => (row.text = `<Comment ${v}>`), 'comment'),
  ({ comment }, by) => change(comment, by, (row, v) => (row.score = v % 7), 'comment'),
  ({ comment }, by) => change(comment, by, (row, v) => (row.author = v % 2), 'comment'),
  ({ article }, by) => change(article, by, (row, v) => (row.title = `Article & ${v}`), 'article'),
  ({ article }, by) => change(article, by, (row, v) => (row.text = `text ${v}`), 'article'),
  ({ article }, by) => change(article, by, (row, v) => (row.tags = ['a', `t${v}`].slice(v % 2)), 'article'),
  ({ article }, by) => change(article, by, (row, v) => (row.meta = { size: v }), 'article'),
  ({ article }, by) => change(article, by, (row, v) => (row.author = v % 2), 'article'),
  ({ article }, by) => change(article, by, (row, v) => (row.comments = pick(LISTS, v)), 'article'),
  ({ topic }, by) => change(topic, by, (row, v) => (row.label = `Topic ${v}`), 'topic'),
  ({ topic }, by) => change(topic, by, (row, v) => (row.n = v), 'topic'),
  ({ row }, by) => change(row, by, (row, v) => (row.text = `Row ${v}`), 'row'),
  ({ row }, by) => change(row, by, (row, v) => (row.meta = { a: `meta ${v}` }), 'row'),
  (rows, by) => {
    rows.replies = pick(LISTS, by);
    return ['comment', by % 3];
  },
];

function change<T>(
  rows: T[],
  by: number,
  with_: (row: T, value: number) => void,
  type: ModelType,
): readonly [ModelType, number] {
  const at = by % rows.length;
  with_(rows[at] as T, by);
  return [type, at];
}

export interface Change {
  readonly what: number;
  readonly by: number;
}

export interface Save extends Change {
  /** What is named when it is invalidated. */
  readonly as: 'row' | 'row' | 'type' | 'all';
}

/** `same`: the objects live on from page to page; `fresh`: a page loads its own; `many`: one for each place it is met at. */
export type Instances = 'same' | 'fresh' | 'many';

const CLASSES = { author: Author, comment: Comment, article: Article, topic: Topic, row: Object } as const;

export class World {
  readonly rows: Rows = {
    author: [0, 1].map((i) => ({ id: i + 1, name: `Author <${i}>`, rank: i, shelf: { a: 's' } })),
    comment: [0, 1, 2].map((i) => ({ id: i + 1, text: `<Comment> ${i}`, score: i, author: i % 2 })),
    article: [0, 1].map((i) => ({
      id: i + 1,
      title: `Article ${i}`,
      text: 'text',
      n: i,
      tags: ['a', 'b'],
      meta: { size: i },
      author: i,
      comments: [i, 2],
    })),
    topic: [0, 1].map((i) => ({ id: i + 1, label: `Topic ${i}`, n: i })),
    row: [0, 1].map((i) => ({ id: i + 1, text: `Row ${i}`, n: i, meta: { a: 'x' } })),
    replies: [0, 1],
  };
  readonly vars: Vars = {
    lang: 'en',
    heading: 'text',
    number: 1,
    page: { number: 1, size: 10 },
    mood: 'fine',
    flag: true,
    count: 1,
    now: 1,
    html: HTMLS[0],
    which: 'leaf0.njk',
    field: 'title',
    theme: { colour: 'red' },
    locals: { brand: 'A' },
    words: ['en', 'b'],
    rows: [0, 1, 2].map(plainRow),
    dict: { a: 1, en: 2 },
    labels: { en: { hello: 'hello', bye: 'bye' }, de: { hello: 'hallo', bye: 'tschüs' } },
    badge: 0,
    day: new Date(0),
    hidden: 'a',
    url: '/a?q=1',
    user: { id: 1, name: 'Ann' },
    article: 0,
    other: 1,
    comment: 0,
    author: 0,
    topic: 0,
    row: 0,
    comments: [0, 1, 2],
    articles: [0, 1],
    authors: [0, 1],
    trows: [0, 1],
    partial: 0,
    liked: 0,
  };
  readonly #instances: Instances;
  readonly #kept = new Map<string, object>();

  constructor(instances: Instances) {
    this.#instances = instances;
  }

  vary({ what, by }: Change): void {
    pick(VARIATIONS, what)(this.vars, by);
  }

  async save({ what, by, as }: Save, sweeper: CacheSweeper): Promise<void> {
    const [type, at] = pick(SAVES, what)(this.rows, by);
    const model = this.#load(new Map(), type, at);
    const options = type === 'row' ? { type: 'Row' } : {};
    if (as === 'all') await sweeper.invalidateAll();
    else if (as === 'row') await sweeper.invalidateCacheFor(model, options);
    else await sweeper.invalidateCacheFor(type === 'row' ? 'Row' : CLASSES[type]);
  }

  /** @param isLate whether a lazy loads it. Of that nothing is compared, so the page puts nothing on it. */
  #load(page: Map<string, object>, type: ModelType, at: number, isLate = false): never {
    const name = `${type} ${at}${isLate ? ' late' : ''}`;
    const objects = this.#instances === 'same' ? this.#kept : page;
    let object = objects.get(name);
    if (object === undefined || this.#instances === 'many') object = Object.create(CLASSES[type].prototype) as object;
    else if (page.has(name)) return object as never;
    objects.set(name, object);
    page.set(name, object);
    const { author, comments, ...data } = this.rows[type][at] as { author?: number; comments?: number[] };
    const more: Record<string, unknown> = structuredClone(data);
    if (author !== undefined) more.author = this.#load(page, 'author', author, isLate);
    if (comments !== undefined) more.comments = comments.map((comment) => this.#load(page, 'comment', comment, isLate));
    if (!isLate) this.#leaveOut(type, more);
    const { liked } = this.vars;
    if (!isLate && liked > 0 && (type === 'article' || type === 'comment')) more.liked = liked === 1;
    for (const key of Object.keys(object)) if (!(key in more)) Reflect.deleteProperty(object, key);
    return Object.assign(object, more) as never;
  }

  /** Rows are loaded with some of their columns. */
  #leaveOut(type: ModelType, data: Record<string, unknown>): void {
    const isWithout = (bit: number) => this.#instances !== 'same' && (this.vars.partial & bit) > 0;
    if (type === 'article' && isWithout(1)) delete data.text;
    if (type === 'article' && isWithout(2)) delete data.author;
    if (type === 'comment' && isWithout(4)) delete data.author;
    if (type === 'author' && isWithout(8)) delete data.rank;
  }

  /**
   * The page's variables.
   *
   * @param isLate what is loaded by the template comes later
   */
  context(isLate: boolean): object {
    const page = new Map<string, object>();
    const one = (type: ModelType, at: number) => this.#load(page, type, at);
    const all = (type: ModelType, which: readonly number[]): never[] => which.map((at) => one(type, at));
    const { vars, rows } = this;
    const late = <A extends unknown[]>(load: (...args: A) => unknown): ((...args: A) => unknown) =>
      isLate ? lazy(async (...args: A) => load(...args)) : load;
    const own = structuredClone({ ...vars, mood: null, html: null });
    const { lang, labels, number } = vars;
    const comments = all('comment', vars.comments);
    return {
      ...own,
      mood: vars.mood,
      html: vars.html,
      badge: new Badge(vars.badge, vars.lang),
      hidden: new Hidden(vars.hidden),
      url: new URL(vars.url, 'http://localhost'),
      article: one('article', vars.article),
      other: one('article', vars.other),
      comment: one('comment', vars.comment),
      author: one('author', vars.author),
      topic: one('topic', vars.topic),
      row: one('row', vars.row),
      comments,
      articles: all('article', vars.articles),
      authors: all('author', vars.authors),
      trows: all('row', vars.trows),
      groups: [comments, all('comment', [vars.comment])],
      pairs: comments.map((comment, i) => [`k${i}`, comment]),
      commentMap: new Map(comments.map((comment, i) => [`m${i}`, comment])),
      commentSet: new Set(comments),
      wordMap: new Map(Object.entries(vars.dict)),
      // The same in all pages, and a function of nothing but its arguments.
      helper: HELPER,
      tools: TOOLS,
      // One for each language, all of one source.
      say: SAYING[vars.lang],
      // Made for each page.
      t: (key: 'hello' | 'bye') => labels[lang]?.[key],
      format: (value: number) => value * number,
      here: () => `/${lang}`,
      replies: late(() => rows.replies.map((at) => this.#load(page, 'comment', at, true))),
      total: late(() => rows.replies.length),
      writerOf: late((id: number) => this.#load(page, 'author', id - 1, true)),
    };
  }
}

const saying =
  (lang: string) =>
  (value: unknown): string =>
    `${lang}: ${value}`;
const SAYING: Readonly<Record<string, unknown>> = Object.fromEntries(LANGS.map((lang) => [lang, saying(lang)]));
const HELPER = (value: unknown): string => `h(${value})`;
const TOOLS = { twice: (value: string): string => value + value };
