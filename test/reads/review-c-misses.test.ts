import dayjs from 'dayjs';
import BigNumber from 'bignumber.js';
import { DateTime } from 'luxon';
import moment from 'moment';
import { describe, expect, test } from 'vitest';
import { Site, T } from './support.ts';

const A = { type: 'A', id: 1 };
const a = (more: object = {}): object => ({ cacheIdentity: A, ...more });

class Money {
  readonly cents: number;
  constructor(cents: number) { this.cents = cents; }
  get text() { return `${this.cents}`; }
  toString() { return this.text; }
}
class Theme { dark = false; get color() { return this.dark ? '#000' : '#fff'; } }
const cache = new WeakMap<object, object>();
const reactive = (value: any): any => {
  if (typeof value !== 'object' || value === null) return value;
  let made = cache.get(value);
  if (made === undefined) {
    made = new Proxy(value, { get: (t, k, r) => reactive(Reflect.get(t, k, r)) });
    cache.set(value, made);
  }
  return made;
};
const functions = (n: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`f${i}`, () => i]));

const cases: Record<string, [string, () => object, ((env: any) => void)?]> = {
  'dayjs format': ['{{ d.format("YYYY") }}', () => ({ d: dayjs('2026-01-01') })],
  'dayjs printed': ['{{ d }}', () => ({ d: dayjs('2026-01-01') })],
  'dayjs utc chain': ['{{ d.add(1, "day").format("YYYY") }}', () => ({ d: dayjs('2026-01-01') })],
  'luxon toISO': ['{{ d.toISO() }}', () => ({ d: DateTime.fromISO('2026-01-01T00:00:00Z') })],
  'luxon printed': ['{{ d }}', () => ({ d: DateTime.fromISO('2026-01-01T00:00:00Z') })],
  'luxon year': ['{{ d.year }}', () => ({ d: DateTime.fromISO('2026-01-01T00:00:00Z') })],
  'luxon toFormat': ['{{ d.toFormat("LLL") }}', () => ({ d: DateTime.fromISO('2026-01-01T00:00:00Z') })],
  'moment format': ['{{ d.format("YYYY") }}', () => ({ d: moment('2026-01-01') })],
  'moment printed': ['{{ d }}', () => ({ d: moment('2026-01-01') })],
  'moment fromNow in filter': ['{{ d | day }}', () => ({ d: moment('2026-01-01') }), (env) => env.addFilter('day', (d: moment.Moment) => d.format('D'))],
  bignumber: ['{{ n }}', () => ({ n: new BigNumber('1.5') })],
  'bignumber toFixed': ['{{ n.toFixed(2) }}', () => ({ n: new BigNumber('1.5') })],
  money: ['{{ n }}{{ n.text }}', () => ({ n: new Money(3) })],
  theme: ['{{ t.color }}', () => ({ t: new Theme() })],
  'reactive member': ['{{ o.x.y }}{% for r in o.rows %}{{ r.t }}{% endfor %}{{ o.rows.length }}{{ o.rows | length }}', () => ({ o: reactive({ x: { y: 1 }, rows: [{ t: 1 }] }) })],
  'reactive list joined': ['{{ o.rows | join(",") }}', () => ({ o: reactive({ rows: [1, 2] }) })],
  'reactive list join method': ['{{ o.rows.join(",") }}', () => ({ o: reactive({ rows: [1, 2] }) })],
  'reactive list of rows, sorted': ['{% for r in o.rows | sort(attribute="t") %}{{ r.t }}{% endfor %}', () => ({ o: reactive({ rows: [{ t: 1 }] }) })],
  'reactive printed list': ['{{ o.rows }}', () => ({ o: reactive({ rows: [1, 2] }) })],
  'reactive entries': ['{% for k, v in o %}{{ k }}{{ v }}{% endfor %}', () => ({ o: reactive({ x: 1 }) })],
  'reactive dump': ['{{ o | dump }}', () => ({ o: reactive({ x: 1 }) })],
  'map proxied over bound methods': ['{% for k, v in m %}{{ k }}{{ v }}{% endfor %}{{ m.size }}{{ m.get("x") }}', () => ({ m: new Proxy(new Map([['x', 1]]), { get: (t, k) => { const v = Reflect.get(t, k, t); return typeof v === 'function' ? v.bind(t) : v; } }) })],
  'boxed string loop': ['{% for c in s %}{{ c }}{% endfor %}', () => ({ s: new String('abc') })],
  'html loop': ['{% set h %}abc{% endset %}{{ h.length }}{{ h | length }}{{ h | upper }}', () => ({})],
  map: ['{{ m.get("x") }}{{ m.size }}{% for k, v in m %}{{ k }}{{ v.n }}{% endfor %}', () => ({ m: new Map<string, unknown>([['x', { n: 1 }]]) })],
  set: ['{{ s.has("x") }}{{ s.size }}{% for k in s %}{{ k }}{% endfor %}', () => ({ s: new Set(['x']) })],
  date: ['{{ d.getFullYear() }}{{ d }}{{ d.toISOString() }}', () => ({ d: new Date(0) })],
  url: ['{{ u.pathname }}{{ u.searchParams.get("a") }}{{ u }}', () => ({ u: new URL('http://x/y?a=1') })],
  error: ['{{ e.message }}{{ e }}', () => ({ e: new Error('x') })],
  intl: ['{{ f.format(3) }}', () => ({ f: new Intl.NumberFormat('de') })],
  'intl of the site': ['{{ f.format(3) }}', (() => { const f = new Intl.NumberFormat('de'); return () => ({ f }); })()],
  'match': ['{{ m[1] }}{{ m.index }}{{ m | join(",") }}', () => ({ m: 'abc'.match(/a(b)/) })],
  'null prototype': ['{{ q.a }}{{ q | dump }}{% for k, v in q %}{{ k }}{% endfor %}', () => ({ q: Object.assign(Object.create(null), { a: 1 }) })],
  'frozen': ['{{ q.a }}{{ q | dump }}', () => ({ q: Object.freeze({ a: 1 }) })],
  'helpers in a variable': ['{{ h.f1() }}', (() => { const h = functions(30); return () => ({ h }); })()],
  'function with static helpers': ['{{ h(1) }}{{ h.f1() }}', (() => { const h = Object.assign((x: number) => x, functions(30)); return () => ({ h }); })()],
  'bigint': ['{{ n }}', () => ({ n: 5n })],
  'class with static': ['{{ n.total() }}', (() => { class C { x = 1; static K = 3; total() { return this.x * C.K; } } return () => ({ n: new C() }); })()],
  'typed array': ['{{ t[0] }}{{ t.length }}', () => ({ t: new Float64Array([1]) })],
  'buffer': ['{{ t.toString("hex") }}', () => ({ t: Buffer.from('a') })],
};

describe('is stored', () => {
  for (const [name, [body, more, helpers]] of Object.entries(cases)) {
    test(name, async () => {
      const site = new Site(T(body), 'memory', helpers === undefined ? {} : { helpers });
      const page = () => ({ a: a(), ...more() });
      let first = -1;
      for (let i = 0; i < 60 && first < 0; i++) {
        await site.show(page);
        if (site.outcomes[0] === 'hit') first = i;
      }
      expect([first, first < 0 ? site.unseen : ''].join(' ')).toMatch(/^[1-3] $/);
    });
  }
});
