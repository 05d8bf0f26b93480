import { describe, expect, test } from 'vitest';
import { kinds, Site, T } from './support.ts';

function rng(seed: number) { let s = seed; return () => { s = (s + 0x6d2b79f5) | 0; let t = Math.imul(s ^ (s >>> 15), 1 | s); t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t; return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32; }; }
class Named { name: unknown; n: unknown; constructor(name: unknown, n: unknown) { this.name = name; this.n = n; } toString() { return `${this.name}`; } get both() { return `${this.name}${this.n}`; } say(x: unknown) { return `${this.n}${x}`; } }
class User { readonly cacheIdentity: object; name: string; friend: unknown; isOn: boolean; constructor(id: number, isOn: boolean) { this.cacheIdentity = { type: 'User', id }; this.name = `u${id}`; this.isOn = isOn; } }

const snippets = [
  '{{ lang }}', '{{ o.x }}', '{{ o.y.z }}', '{{ o }}', '{% for k, v in o %}{{ k }}{{ v }}{% endfor %}', '{{ o | dump }}', '{{ p }}', '{{ p.name }}', '{{ p.both }}', '{{ p.say(lang) }}',
  '{% for r in rows %}{{ r.x }}{% endfor %}', '{{ rows | length }}', '{{ rows[0].x }}', '{{ rows | join(",", "x") }}', '{{ "same" if rows[0] === o else "other" }}', '{{ "in" if o in rows else "out" }}',
  '{% for k, v in m %}{{ k }}{{ v }}{% endfor %}', '{{ m.get("a") }}', '{{ m.size }}', '{{ a.on }}', '{{ "y" if a.o === o }}', '{{ "y" if a.o.x }}', '{{ u.isOn }}', '{{ "f" if u.friend === p }}', '{{ "uu" if u === a.u }}', '{{ a.u.isOn }}',
  '{% set q = lang %}', '{{ q }}', '{% set w = o %}', '{{ w.x }}', '{% set h %}<b>{{ lang }}</b>{% endset %}', '{{ h }}', '{% for r in rows | sort(false, false, "x") %}{{ r.x }}{% endfor %}', '{% if lang == "de" %}{{ o.x }}{% else %}{{ p.n }}{% endif %}',
  '{{ show(o) }}', '{{ ctx() }}', '{{ lang | fl }}', '{% include "inc" %}', '{{ mac(o) }}', '{{ mac2() }}', '{% for r in rows | reverse %}{% if loop.first %}{{ r.x }}{{ r.y.z }}{% endif %}{% endfor %}',
  '{% for x, y in pairs %}{{ x }}{{ y.x }}{% endfor %}', '{{ rows }}', '{{ list }}', '{{ list[1] }}', '{{ lang ~ o.x ~ list }}', '{{ g.deep.title }}', '{{ "sameas" if p is sameas(q2) }}', '{% for l in [o, p] %}{{ l.x }}{{ l.name }}{% endfor %}', '{{ (rows | first).x }}', '{{ o[key] }}', '{{ o is mapping }}{{ p is string }}', '{{ nested.a.b.c }}', '{% call mac3() %}{{ lang }}{% endcall %}',
];
function context(r: () => number) {
  const pick = (n: number) => Math.floor(r() * n);
  const x = () => [1, '1', true, undefined, '<'][pick(5)];
  const one = () => ({ x: x(), y: { z: pick(2) } });
  const o = one();
  const p = new Named(x(), pick(2));
  const u = new User(pick(2), pick(2) === 0);
  u.friend = pick(2) === 0 ? p : new Named(p.name, p.n);
  const rows = Array.from({ length: pick(3) }, () => (pick(2) === 0 ? o : one()));
  return {
    a: { cacheIdentity: { type: 'A', id: 1 }, on: pick(2) === 0, o: pick(2) === 0 ? o : { x: 1 }, u: pick(2) === 0 ? u : new User(1, false) },
    lang: ['de', 'en'][pick(2)], o, p, u, rows, m: new Map([[['a', 'b'][pick(2)], x()]]), pairs: rows.map((row) => [pick(2), row]), list: [x(), [pick(2)]],
    q2: pick(2) === 0 ? p : u, key: ['x', 'y'][pick(2)], nested: { a: pick(3) === 0 ? null : { b: { c: pick(2) } } }, q: pick(3) === 0 ? 'Q' : undefined,
  };
}
const from = Number(process.env.FROM ?? 0);
const count = Number(process.env.COUNT ?? 60);
describe.each(kinds)('%s', (kind) => {
  test('pages', { timeout: 300_000 }, async () => {
    const wrong: string[] = [];
    const outcomes: Record<string, number> = {};
    for (let seed = from; seed < from + count && wrong.length < 8; seed++) {
      const r = rng(seed);
      const some = (n: number) => Array.from({ length: 1 + Math.floor(r() * n) }, () => snippets[Math.floor(r() * snippets.length)]).join('|');
      const inner = T(some(3));
      const body = r() < 0.4 ? T(some(3)) : r() < 0.5 ? T(some(2) + inner + some(2)) : T(some(1) + T(some(2) + inner) + inner);
      const page = `{% macro mac(x) %}{{ x.x }}{{ lang }}{% endmacro %}{% macro mac2() %}{{ o.y.z }}{% endmacro %}{% macro mac3() %}[{{ caller() }}{{ lang }}]{% endmacro %}${body}#{{ q }}{{ w.x }}{{ h }}`;
      const helpers = (env: any) => {
        env.addGlobal('show', (o: any) => o?.x); env.addGlobal('ctx', function (this: any) { return this.ctx.lang; }); env.addGlobal('g', { deep: { title: 't' } });
        env.addFilter('fl', function (this: any, s: unknown) { return `${s}${this.lookup('o').x}`; });
      };
      const templates = { 'page.njk': page, inc: '{{ o.x }}{% set q = 3 %}{{ q }}' };
      const one = new Site(templates, kind, { helpers });
      const two = kind === 'memory' ? one : new Site(templates, kind, { helpers, shared: one });
      const contexts = Array.from({ length: 12 }, () => Math.floor(r() * 1e9));
      for (let i = 0; i < 36; i++) {
        const site = r() < 0.5 ? one : two;
        const c = contexts[Math.floor(r() * contexts.length)] as number;
        const make = () => context(rng(c));
        let html: string; let alone: string;
        try { [html, alone] = [await site.cached(make()), await site.alone(make())]; } catch (error) { wrong.push(`${seed} ${String(error).slice(0, 300)} ${body}`); break; }
        for (const o of site.outcomes) outcomes[o] = (outcomes[o] ?? 0) + 1;
        if (html !== alone) { wrong.push(`${seed}/${c}: ${body}\n   ${html}\n   ${alone}`); break; }
      }
    }
    console.log(outcomes);
    expect(wrong.join('\n')).toBe('');
  });
});
