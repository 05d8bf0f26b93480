import type nunjucks from 'nunjucks';
import { lazy } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import { kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

class Comment {
  id = 1;
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  toString() {
    return this.text;
  }
}

/** An object of the site without an id, such as a paginator, a presenter or a collection. */
class Pager {
  readonly rows: readonly Comment[];
  constructor(rows: readonly Comment[]) {
    this.rows = rows;
  }
  summary() {
    return this.rows.map(({ text }) => text).join();
  }
  get first() {
    return this.rows[0]?.text;
  }
}
class PrintedPager extends Pager {
  override toString() {
    return this.summary();
  }
}
class Rows extends Array<Comment> {
  summary() {
    return this.map(({ text }) => text).join();
  }
}
class Collection extends Pager {
  *[Symbol.iterator]() {
    yield* this.rows;
  }
}
class ClosedCollection {
  readonly #rows: readonly Comment[];
  readonly name = 'closed';
  constructor(rows: readonly Comment[]) {
    this.#rows = rows;
  }
  *[Symbol.iterator]() {
    yield* this.#rows;
  }
}
class Rights {
  readonly canEdit: boolean;
  constructor(canEdit: boolean) {
    this.canEdit = canEdit;
  }
  label() {
    return this.canEdit ? 'edit' : 'read';
  }
}

const a = (more: object = {}) => ({ cacheIdentity: { type: 'A', id: 1 }, ...more });
const asRows = (comments: readonly Comment[]) => Rows.from(comments);
const texts = (held: Pager | readonly Comment[]) =>
  (held instanceof Pager ? held.rows : held).map(({ text }) => text).join();
let now: readonly Comment[] = [];
const helpers = (env: nunjucks.Environment) => {
  env.addFilter('texts', texts);
  env.addFilter('below', ({ pager }: { pager: Pager }) => pager.summary());
  env.addFilter('inMap', (map: Map<string, Pager>) => map.get('pager')?.summary());
  env.addFilter('label', ({ rights }: { rights: Rights }) => rights.label());
  env.addGlobal('texts', texts);
  env.addGlobal('made', () => new Pager(now));
  env.addGlobal('nested', () => [[now]]);
  env.addGlobal('printed', () => new PrintedPager(now));
  env.addGlobal('collection', () => new Collection(now));
  env.addGlobal('closedCollection', () => new ClosedCollection(now));
  env.addGlobal('inMap', () => new Map([['pager', new Pager(now)]]));
};

describe.each(kinds)('a bump of a model that an instance without an id holds, in %s,', (kind) => {
  const heard = (body: string, page: (comments: readonly Comment[]) => object) => async () => {
    const site = new Site(T(body), kind, { helpers });
    site.sweeper.register(Comment, {});
    const look = (text: string) => {
      now = [new Comment(text)];
      return site.cached(page(now));
    };
    for (let i = 0; i < 3; i++) expect(await look('old')).toBe('old');
    expect(site.outcomes).toEqual(['hit']);
    await site.sweeper.invalidateCacheFor(new Comment('new'));
    expect(await look('new')).toBe('new');
  };
  const loaded = (comments: readonly Comment[]) => ({ a: a(), pager: lazy(async () => new Pager(comments)) });
  const below = (comments: readonly Comment[]) => ({ a: a({ pager: new Pager(comments) }) });
  const ofGlobal = () => ({ a: a() });

  test('is seen where a filter receives it of a lazy', heard('{{ pager() | texts }}', loaded));
  test('is seen where a global receives it of a lazy', heard('{{ texts(pager()) }}', loaded));
  test('is seen where its method is called, of a lazy', heard('{{ pager().summary() }}', loaded));
  test('is seen where its getter is read, of a lazy', heard('{{ pager().first }}', loaded));
  test('is seen where a filter receives it below a model', heard('{{ a.pager | texts }}', below));
  test('is seen where its method is called below a model', heard('{{ a.pager.summary() }}', below));
  test('is seen where its getter is read below a model', heard('{{ a.pager.first }}', below));
  test('is seen where a filter receives the model around it', heard('{{ a | below }}', below));
  test('is seen where a class of a list is below a model', () =>
    heard('{{ a.rows.summary() }}', (comments) => ({ a: a({ rows: asRows(comments) }) }))());
  test('is seen where a lazy gives a class of a list', () =>
    heard('{{ rows().summary() }}', (comments) => ({ a: a(), rows: lazy(async () => asRows(comments)) }))());
  test('is seen where a list beside its elements holds it', () =>
    heard('{{ a.box | below }}', (comments) => ({
      a: a({ box: Object.assign([1], { pager: new Pager(comments) }) }),
    }))());
  test('is seen where a list in a list of a lazy is printed', () =>
    heard('{{ rows() }}', (comments) => ({ a: a(), rows: lazy(async () => [comments]) }))());
  test('is seen where a global gives it to a filter', heard('{{ made() | texts }}', ofGlobal));
  test('is seen where a global gives it, and its method is called', heard('{{ made().summary() }}', ofGlobal));
  test('is seen where a global gives it in a map', heard('{{ inMap() | inMap }}', ofGlobal));
  test('is seen where a global gives it in lists, which are printed', heard('{{ nested() }}', ofGlobal));
  test('is seen where a global gives it, and it is printed', heard('{{ printed() }}', ofGlobal));
  test('is seen where the body makes an object around it', () =>
    heard('{% set o = {p: made()} %}{{ o | dump | length and o.p | texts }}', ofGlobal)());
  test('is seen where a global gives it, and its class goes over it', () =>
    heard('{% for c in collection() %}{{ c }}{% endfor %}', ofGlobal)());
  test('is seen where a global gives it, and its class goes over what it hides', () =>
    heard('{% for c in closedCollection() %}{{ c }}{% endfor %}', ofGlobal)());
  test('is seen where its class goes over it below a model', () =>
    heard('{% for c in a.pager %}{{ c }}{% endfor %}', (comments) => ({
      a: a({ pager: new Collection(comments) }),
    }))());
  test('is seen where an ordinary object holds it, from which the one below the model inherits', () =>
    heard('{{ a.box | below }}', (comments) => ({ a: a({ box: Object.create({ pager: new Pager(comments) }) }) }))());
});

describe.each(kinds)('what an instance below a model holds, in %s,', (kind) => {
  const same = (body: string, pages: readonly (() => object)[]) => async () => {
    const site = new Site(T(body), kind, { helpers });
    for (let i = 0; i < 3; i++) for (const page of pages) await site.show(page);
    expect(site.outcomes).toEqual(['hit']);
  };
  const rights = (canEdit: boolean) => () => ({ a: a({ rights: new Rights(canEdit) }) });
  test('counts by its booleans where a filter receives the model', () =>
    same('{{ a | label }}', [rights(true), rights(false)])());

  class Marked {
    readonly rows: readonly object[];
    constructor(rows: readonly object[]) {
      this.rows = rows;
    }
    *[Symbol.iterator]() {
      yield* this.rows;
    }
  }
  const marked = (...marks: readonly boolean[]) => {
    const rows = () => marks.map((isMine) => ({ isMine }));
    return () => ({
      a: Object.assign(
        new Marked(rows()),
        a({ list: new Marked(rows()), pairs: new Marked(rows().map((row) => [1, row])) }),
      ),
    });
  };
  test.each([
    ['', '{% for row in a.list %}{{ "my" if row.isMine }}{% endfor %}'],
    [', taken apart', '{% for n, row in a.pairs %}{{ "my" if row.isMine }}{% endfor %}'],
    [', which is the model', '{% for row in a %}{{ "my" if row.isMine }}{% endfor %}'],
    [', and by how much it is', '{% for row in a.list %}-{% endfor %}'],
  ])('counts by its booleans where its class goes over it%s', (_where, body) =>
    same(body, [marked(true), marked(false), marked(true, false)])(),
  );
  test('is not stored where going over it uses it up', async () => {
    const site = new Site(T('{% for n in a.rows %}{{ n }}{% endfor %}'), kind, { helpers });
    for (const rows of [[1], [1, 2], [1]])
      expect(await site.show(() => ({ a: a({ rows: rows.values() }) }))).toEqual(['unseen']);
    expect(site.unseen).toContain('a.rows: going over it uses it up');
  });

  class Status {
    static readonly open = new Status(true);
    static readonly closed = new Status(false);
    readonly canEdit: boolean;
    constructor(canEdit: boolean) {
      this.canEdit = canEdit;
    }
    label() {
      return this.canEdit ? 'open' : 'closed';
    }
  }
  test('counts by its booleans where it is a value of its class', () =>
    same('{{ a | label }}', [
      () => ({ a: a({ rights: Status.open }) }),
      () => ({ a: a({ rights: Status.closed }) }),
    ])());

  class Row {
    static readonly database = new (class Database {
      readonly pool = hugeGraph();
    })();
    static readonly writer = new Rights(true);
    static readonly reader = new Rights(false);
    readonly cacheIdentity = { type: 'Row', id: 1 };
    readonly options = { database: Row.database };
    readonly rights: Rights;
    constructor(rights: Rights) {
      this.rights = rights;
    }
  }
  test('is not searched where its class keeps it, as a client of a database', () =>
    same('{{ a | label }}', [() => ({ a: new Row(new Rights(true)) }), () => ({ a: new Row(new Rights(false)) })])());
  test('is told by its name where its class keeps it', () =>
    same('{{ a | label }}', [() => ({ a: new Row(Row.writer) }), () => ({ a: new Row(Row.reader) })])());

  class Secret {
    readonly #secret = 'x';
    label() {
      return this.#secret;
    }
  }
  test('may be hidden: it belongs to the model', () =>
    same('{{ a | label }}{{ a.rights.label() }}', [() => ({ a: a({ rights: new Secret() }) })])());
  test('may be dates, addresses and bytes', () =>
    same('{{ a | label }}', [
      () => ({
        a: a({
          rights: new Rights(true),
          date: new Date(0),
          url: new URL('https://a.example'),
          bytes: new Uint8Array(100_000),
          numbers: new Float64Array(100_000),
        }),
      }),
    ])());
  test('may hold what holds it', () =>
    same('{{ a | label }}{{ made() | texts }}', [
      () => {
        const row = a({ rights: new Rights(true) });
        Object.assign((row as { rights?: object }).rights ?? {}, { row });
        return { a: row };
      },
    ])());

  test('is not stored where it is more than can be searched', async () => {
    const site = new Site(T('{{ a | label }}'), kind, { helpers });
    const page = () => ({ a: a({ rights: Object.assign(new Rights(true), { graph: hugeGraph() }) }) });
    for (let i = 0; i < 2; i++) await site.show(page);
    expect(site.outcomes).toEqual(['unseen']);
    expect(site.unseen).toMatch('more than 1000 objects');
  });
});

function hugeGraph(): object {
  return Array.from({ length: 2_000 }, (_, i) => ({ i }));
}
