import { expect, test } from 'vitest';
import { Collector } from '../../src/reads/sinks.ts';
import { walkWhole } from '../../src/reads/walk.ts';

class C { constructor(x: unknown) { (this as any).x = x; } m() { return 1; } }
class L extends Array {}
class M2 extends Map {}
class S2 extends String {}
const symbols = [Symbol('a'), Symbol('a'), Symbol.for('a'), Symbol.iterator];
const fns = [() => 1, () => 1, function f() { return 2; }];
function rng(seed: number) { let s = seed; return () => { s = (s + 0x6d2b79f5) | 0; let t = Math.imul(s ^ (s >>> 15), 1 | s); t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t; return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32; }; }

function gen(r: () => number, d: number, pool: unknown[]): unknown {
  const pick = (n: number) => Math.floor(r() * n);
  const kind = d <= 0 ? pick(13) : pick(30);
  const key = () => ['a', 'b', 'k1', '0', '1', 'length2', '', 'é', '\ud800'][pick(9)] as string;
  const keep = <V>(v: V): V => { pool.push(v); return v; };
  const extras = (v: any, n = pick(6)) => { if (n < 3) for (let i = 0; i < n; i++) v[pick(8) === 0 ? symbols[pick(3)] as never : ['a', 'b', 'k1'][pick(3)] as string] = gen(r, d - 1, pool); return v; };
  switch (kind) {
    case 0: return null;
    case 1: return undefined;
    case 2: return pick(2) === 0;
    case 3: return [0, -0, 1, 1.5, Number.NaN, Infinity, 255, 1e21][pick(8)];
    case 4: return ['', 'a', '1', 'n', 't', 's1:a', 'o0,', '\ud800', '"\\ud800"', '}', ']'][pick(11)];
    case 5: return [1n, 0n, 255n][pick(3)];
    case 6: return symbols[pick(4)];
    case 7: return fns[pick(3)];
    case 8: return new Date([0, 1, Number.NaN][pick(3)] as number);
    case 9: return keep([/a/g, /a/, /b/][pick(3)]);
    case 10: return keep([new String('a'), new Number(1), new Number(-0), new Boolean(false), new S2('a'), new String('1')][pick(6)]);
    case 11: return [new URL('http://a/'), new URLSearchParams('a=1'), new Uint8Array([97])][pick(3)];
    case 12: return pool.length > 0 ? pool[pick(pool.length)] : 0;
    case 13: case 14: case 15: case 16: { const v = keep({} as any); for (let i = pick(4); i > 0; i--) v[key()] = gen(r, d - 1, pool); return v; }
    case 17: case 18: case 19: case 20: { const v = keep([] as any[]); for (let i = pick(4); i > 0; i--) v.push(gen(r, d - 1, pool)); return extras(v); }
    case 21: { const v = keep(new Map()); for (let i = pick(3); i > 0; i--) v.set(gen(r, d - 1, pool), gen(r, d - 1, pool)); return extras(v); }
    case 22: { const v = keep(new Set()); for (let i = pick(3); i > 0; i--) v.add(gen(r, d - 1, pool)); return extras(v); }
    case 23: return extras(keep(new C(gen(r, d - 1, pool))), pick(6));
    case 24: { const v = keep(new L()); v.push(gen(r, d - 1, pool)); return extras(v); }
    case 25: return extras(keep(new M2([[1, gen(r, d - 1, pool)]])));
    case 26: { const v = keep(Object.create(null)); v[key()] = gen(r, d - 1, pool); return v; }
    case 27: { const v = keep({} as any); Object.defineProperty(v, key(), { value: gen(r, d - 1, pool), enumerable: pick(2) === 0, writable: true, configurable: true }); return v; }
    case 28: return Object.preventExtensions({ a: gen(r, d - 1, pool) });
    default: return extras(new Date(0));
  }
}
// Tells all that can be seen, and which object is which.
function seen(value: unknown, ids = new Map<unknown, number>()): string {
  if (typeof value === 'symbol') { if (!ids.has(value)) ids.set(value, ids.size); return `sym${String(value)}${ids.get(value)}`; }
  if (typeof value === 'function') return `fn${fns.indexOf(value as never)}`;
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : typeof value === 'string' ? JSON.stringify(value) : `${typeof value}${String(value)}`;
  const known = ids.get(value);
  if (known !== undefined) return `#${known}`;
  ids.set(value, ids.size);
  const proto = Object.getPrototypeOf(value);
  let text = `${ids.size - 1}${proto === null ? 'null' : proto.constructor.name}${Object.isExtensible(value) ? '' : '!'}`;
  if (value instanceof Date) text += value.getTime();
  if (value instanceof URL || value instanceof URLSearchParams || value instanceof RegExp) text += String(value);
  if (value instanceof String || value instanceof Number || value instanceof Boolean) text += seen(value.valueOf());
  if (value instanceof Map) for (const [k, v] of value) text += `<${seen(k, ids)}=>${seen(v, ids)}>`;
  if (value instanceof Set) for (const v of value) text += `<${seen(v, ids)}>`;
  if (value instanceof URL) return text;
  for (const key of Reflect.ownKeys(value)) {
    if (value instanceof RegExp && key === 'lastIndex') continue;
    const p = Object.getOwnPropertyDescriptor(value, key) as PropertyDescriptor;
    text += `(${typeof key === 'symbol' ? `S${String(key)}` : JSON.stringify(key)}${p.enumerable ? '' : '~'}${seen(p.value, ids)})`;
  }
  return text;
}

const seeds = Number(process.env.SEEDS ?? 20_000);
const world = {
  identity: () => undefined, generation: 0, rowIdentity: () => undefined,
  functionText: (f: never) => `f${fns.indexOf(f)}`, prototypeText: (p: object) => `p${p.constructor.name}`,
  uncomparedIdentity: () => undefined, isMarkedSafe: () => false, macro: () => undefined, version: () => '',
};
const scope = { world, models: [] } as never;
test('texts tell values apart', { timeout: 400_000 }, () => {
  const known = new Map<string, string>();
  const wrong: string[] = [];
  let unseen = 0;
  for (let seed = 0; seed < seeds && wrong.length < 40; seed++) {
    const v = gen(rng(seed), seed % 4, []);
    if (typeof v !== 'object' || v === null) continue;
    const collector = new Collector();
    if (!walkWhole(v, scope, collector)) { unseen++; continue; }
    const text = collector.text;
    const told = seen(v);
    const there = known.get(text);
    if (there === undefined) known.set(text, told);
    else if (there !== told) wrong.push(`${text}\n   ${there}\n   ${told}`);
  }
  console.log(known.size, unseen, wrong.length);
  expect(wrong.slice(0, 40).join('\n')).toBe('');
});
