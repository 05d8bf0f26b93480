import { describe, test } from 'vitest';
import { F, kindsFor, sameIn, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

const A = { type: 'A', id: 1 };
const a = (more: object): object => ({ cacheIdentity: A, ...more });

describe.each(kinds)('%s', (kind) => {
  const same = sameIn(kind);
  const flags = (isMine: boolean) => () => ({ a: a({ comments: [{ id: 1, isMine, date: 1 }] }) });

  test('nested: a boolean in a list below a model', () =>
    same(T(`x${T("{% for c in a.comments %}{{ 'mine' if c.isMine }}{% endfor %}")}`), [flags(true), flags(false)]));
  test('nested: how many there are in a list below a model', () =>
    same(T(`x${T('{% for c in a.comments %}-{% endfor %}')}`), [
      () => ({ a: a({ comments: [1] }) }),
      () => ({ a: a({ comments: [1, 2] }) }),
    ]));
  test('nested, other model', () =>
    same(F('b', `x${T("{% for c in a.comments %}{{ 'mine' if c.isMine }}{% endfor %}")}`), [
      () => ({ ...flags(true)(), b: { cacheIdentity: { type: 'B', id: 1 } } }),
      () => ({ ...flags(false)(), b: { cacheIdentity: { type: 'B', id: 1 } } }),
    ]));
  test('sort, then a boolean', () =>
    same(T("{% for c in a.comments | sort(attribute='date') %}{{ 'mine' if c.isMine }}{% endfor %}"), [
      flags(true),
      flags(false),
    ]));
  test('selectattr below a model', () =>
    same(T("{{ a.comments | selectattr('isMine') | length }}"), [flags(true), flags(false)]));
  test('dump below a model', () => same(T('{{ a.comments | dump }}'), [flags(true), flags(false)]));
  test('dump of a model', () => same(T('{{ a | dump }}'), [flags(true), flags(false)]));
  test('names and booleans below a model', () =>
    same(T('{% for name, on in a.can %}{{ name if on }}{% endfor %}'), [
      () => ({ a: a({ can: { edit: true } }) }),
      () => ({ a: a({ can: { edit: false } }) }),
    ]));
  test('a set below a model', () =>
    same(T("{% for c in a.comments %}{{ 'mine' if c.isMine }}{% endfor %}"), [
      () => ({ a: a({ comments: new Set([{ isMine: true }]) }) }),
      () => ({ a: a({ comments: new Set([{ isMine: false }]) }) }),
    ]));
  test('a map below a model', () =>
    same(T("{% for k, c in a.comments %}{{ 'mine' if c.isMine }}{% endfor %}"), [
      () => ({ a: a({ comments: new Map([['x', { isMine: true }]]) }) }),
      () => ({ a: a({ comments: new Map([['x', { isMine: false }]]) }) }),
    ]));
  test('destructured list below a model', () =>
    same(T("{% for n, c in a.comments %}{{ 'mine' if c.isMine }}{% endfor %}"), [
      () => ({ a: a({ comments: [[1, { isMine: true }]] }) }),
      () => ({ a: a({ comments: [[1, { isMine: false }]] }) }),
    ]));
  test('two paths below a model to one object', () => {
    const one = { isMe: true };
    return same(T("{{ 'A' if a.author.isMe }}{{ 'E' if a.editor.isMe }}"), [
      () => ({ a: a({ author: one, editor: one }) }),
      () => ({ a: a({ author: { isMe: true }, editor: { isMe: false } }) }),
    ]);
  });
  test('nothing but models: an object below that is the model of the tag', () => {
    return same(T("{{ 'own' if a.child.parent === a else 'foreign' }}"), [
      () => {
        const self = a({ child: {} }) as { child: { parent?: object } };
        self.child.parent = self;
        return { a: self };
      },
      () => ({ a: a({ child: { parent: a({}) } }) }),
    ]);
  });
  test('the same with an object of the page', () => {
    return same(T("{{ o.x }}{{ 'own' if a.child.parent === a else 'foreign' }}"), [
      () => {
        const self = a({ child: {} }) as { child: { parent?: object } };
        self.child.parent = self;
        return { a: self, o: { x: 1 } };
      },
      () => ({ a: a({ child: { parent: a({}) } }), o: { x: 1 } }),
    ]);
  });
  test('names that look like what follows an object', () => {
    const name = 'n'.repeat(56);
    return same(
      T('{{ a | names }}'),
      // In 59 characters: the length of the other name, the name, and what begins a list.
      [() => ({ a: a({ box: { [`8${name}p{`]: true } }) }), () => ({ a: a({ box: {}, [name]: [true] }) })],
      (env) => void env.addFilter('names', ({ box }: { box: object }) => Object.keys(box).length),
    );
  });
  test('a symbol below a model is one of the page', () => {
    return same(T("{{ 'same' if a.symbol === symbol else 'other' }}"), [
      () => {
        const symbol = Symbol('x');
        return { a: a({ symbol }), symbol };
      },
      () => ({ a: a({ symbol: Symbol('x') }), symbol: Symbol('x') }),
    ]);
  });
});
