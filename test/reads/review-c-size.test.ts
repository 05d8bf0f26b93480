import { DateTime } from 'luxon';
import { describe, expect, test } from 'vitest';
import { kinds, Site, T } from './support.ts';

const A = { type: 'A', id: 1 };
const a = (more: object = {}): object => ({ cacheIdentity: A, ...more });
test('luxon', () => {
  const text = DateTime.toString();
  console.log(text.match(/#[\p{ID_Start}$_]\w*/gu)?.slice(0, 8), text.replace(/\/\*[\s\S]*?\*\//g, '').match(/#[\p{ID_Start}$_]\w*/gu));
});
describe.each(kinds)('%s', (kind) => {
  for (const n of [126, 127, 128, 129, 255, 256, 257, 300, 3000]) {
    test(`${n} objects`, async () => {
      const site = new Site(T('{% for r in rows %}{{ r.x }}{% endfor %}{{ loopIs }}{% for f in a.friends %}{{ "!" if f === u }}{{ "?" if f === last }}{% endfor %}'), kind);
      const page = (at: number) => () => {
        const rows = Array.from({ length: n }, () => ({ x: 1 }));
        const u = rows[0];
        return { a: a({ friends: at < 0 ? [{}] : [rows[at]] }), rows, u, last: rows.at(-1) };
      };
      for (const at of [0, n - 1, -1, 1, n - 2, 0, n - 1, -1]) await site.show(page(at));
      expect(site.outcomes).toEqual(['hit']);
    });
  }
  test('many elements below a model', async () => {
    const site = new Site(T('{% for f in a.friends %}{{ "!" if f.on }}{% endfor %}'), kind);
    const page = (n: number, on: boolean) => () => ({ a: a({ friends: Array.from({ length: n }, (_, i) => ({ on: on && i === n - 1 })) }) });
    for (const n of [5_000, 8_000, 16_000, 17_000, 40_000]) {
      for (const on of [true, false, true]) await site.show(page(n, on));
      console.log(n, site.outcomes);
    }
  });
  test('a getter below a model that throws later', async () => {
    const site = new Site(T('{{ "x" if a.o.x }}'), kind);
    await site.show(() => ({ a: a({ o: { x: 1 } }) }));
    await site.show(() => ({ a: a({ o: { x: 1 } }) }));
    const html = await site.cached({ a: a({ o: { get x() { throw new Error('no'); } } }) }).catch(String);
    expect(html).toContain('no');
  });
  test('a body that reads a list below a model in an inner fragment, when the list is there and not', async () => {
    const site = new Site(T(`x${T('{% for c in a.comments %}{{ c.x }}{% endfor %}')}`), kind);
    await site.show(() => ({ a: a({ comments: null }) }));
    await site.show(() => ({ a: a({ comments: [{ x: 1 }] }) }));
    await site.show(() => ({ a: a({ comments: [] }) }));
  });
  test('inner below, then the outer body itself', async () => {
    const site = new Site(T(`${T('{% for c in a.comments %}{{ c.x }}{% endfor %}')}{% for c in a.comments %}{{ "m" if c.isMine }}{% endfor %}`), kind);
    for (const isMine of [true, false, true]) await site.show(() => ({ a: a({ comments: [{ x: 1, isMine }] }) }));
  });
  test('helpers of 30 functions: how many pages', async () => {
    const h = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`f${i}`, () => i]));
    const site = new Site(T('{{ h.f1() }}'), kind);
    let n = 0;
    do await site.show(() => ({ a: a(), h })); while (site.outcomes[0] !== 'hit' && n++ < 100);
    console.log('pages before the first hit', n);
  });
});
