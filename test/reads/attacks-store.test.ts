import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import type { TestingStore } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test } from 'vitest';
import { Sealer } from '../../src/cache/seal.ts';
import { parseReads, writeReads } from '../../src/reads/reads.ts';
import { ObjectLoader } from '../support/loaders.ts';
import { sized } from '../support/long.ts';
import { Article } from '../support/models.ts';
import { renderPage } from '../support/render.ts';
import { kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

const a = () => new Article(1);
const stored = kinds.filter((kind) => kind !== 'memory');
const LEVELS = 20_000;

/** Texts of variables that no sweeper wrote. */
const forgeries: Record<string, string> = {
  'a name that is a path': '[["a.constructor.prototype.polluted","yes"]]',
  'a name that is a path of the page': '[["lang.x","yes"]]',
  __proto__: '[["__proto__",{"polluted":"yes"}]]',
  'a member __proto__ and a path': '[["n.__proto__.polluted","yes"]]',
  'no JSON': 'x',
  'an object': '{}',
  null: 'null',
  'a number': '1',
  'a text': '"x"',
  'pairs that are none': '[1,null,"x",{}]',
  'one element': '[["x"]]',
  'three elements': '[["x",1,2]]',
  'a name that is none': '[[1,1]]',
  'an unknown kind': '[["x",["q"]]]',
  'an unknown kind with content': '[["x",["q",1]]]',
  'a list without content': '[["x",["a"]]]',
  'a list of something else': '[["x",["a",1]]]',
  'an empty kind': '[["x",[]]]',
  'a path of no kind': '[["x",["p",["nowhere","y"]]]]',
  'a path that is none': '[["x",["p",1]]]',
  'lists in 20,000 levels': `[["x",${'["a",['.repeat(LEVELS)}${']]'.repeat(LEVELS)}]]`,
  'objects in 20,000 levels': `[["x",${'{"x":'.repeat(LEVELS)}1${'}'.repeat(LEVELS)}]]`,
  'nothing but 20,000 brackets': '['.repeat(LEVELS),
};

/** Texts of paths that no sweeper wrote. */
const shapes: Record<string, string> = {
  'no JSON': 'x',
  'an object': '{}',
  null: 'null',
  'no root': '[null]',
  'an unknown kind': '[[9,["x",0,[],0,0,0]]]',
  'no step': '[[0,[1,0,[],0,0,0]]]',
  'no flags': '[[0,["x"]]]',
  'children that are none': '[[0,["x",0,1,0,0,0]]]',
  'a child that is none': '[[0,["x",0,[1],0,0,0]]]',
  '20,000 levels': `[[0,${'["x",0,['.repeat(LEVELS)}${'],0,0,0]'.repeat(LEVELS)}]]`,
  '20,000 paths': JSON.stringify([
    [0, ['x', 0, Array.from({ length: LEVELS }, (_, i) => [`y${i}`, 0, [], 0, 0, 0]), 0, 0, 0]],
  ]),
};

describe('reads that nobody wrote', () => {
  test.each(Object.entries(forgeries))('variables: %s', (_what, text) => {
    expect(parseReads('[]', ['', text])).toBeUndefined();
  });

  test.each(Object.entries(shapes))('paths: %s', (_what, text) => {
    expect(parseReads(text, ['', ''])).toBeUndefined();
  });

  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['another number', 1],
    ['a text', '[]'],
    ['an object', {}],
    ['too short', ['']],
    ['too long', ['', '', '']],
    ['values that are no text', [1, '']],
    ['variables that are no text', ['', []]],
  ])('all of it: %s', (_what, written) => {
    expect(parseReads('[]', written)).toBeUndefined();
  });

  test('what was written comes back', () => {
    for (const [shape, values] of [
      ['[]', ['', '']],
      ['[[0,["x",0,[],0,0,0]]]', ['"y"', '']],
      ['[]', ['', '[["n",["a",[1,["u"]]]]]']],
    ] as const) {
      const reads = parseReads(shape, values);
      expect(reads && writeReads(reads)).toEqual([shape, values]);
    }
  });
});

describe.each(stored)('entries that somebody forged in %s without a secret', (kind) => {
  const call = { timeout: 1_000 };
  const source = `${T('{% set n = { x: lang } %}{{ lang }}')}[{{ n.x }}{{ x }}{{ n.polluted }}]`;
  const pages = ['en', 'de'].map((lang) => () => ({ a: a(), lang }));

  /** Gives each entry other reads. */
  async function forge(store: TestingStore, change: (reads: unknown) => unknown): Promise<number> {
    const sealer = new Sealer();
    let forged = 0;
    for (const key of store.keys('entry')) {
      const [found] = await store.getMany('entry', [key], call);
      if (found?.state !== 'found') continue;
      const payload = sealer.unseal('entry', key, found.value) as string;
      const end = payload.indexOf('\n');
      if (end === -1) continue;
      const head = JSON.parse(payload.slice(0, end));
      if (!Array.isArray(head) || head.length < 6) continue;
      head[2] = change(head[2]);
      await store.setMany(
        'entry',
        [{ key, value: sealer.seal('entry', key, JSON.stringify(head) + payload.slice(end)), ttl: 0 }],
        call,
      );
      forged++;
    }
    return forged;
  }

  const changes: [string, (reads: unknown) => unknown][] = [
    ...Object.entries(forgeries).map(([what, text]): [string, (reads: unknown) => unknown] => [
      `variables: ${what}`,
      (reads) => (Array.isArray(reads) ? [reads[0], reads[1], text] : ['[]', '', text]),
    ]),
    ...Object.entries(shapes).map(([what, text]): [string, (reads: unknown) => unknown] => [
      `paths: ${what}`,
      (reads) => (Array.isArray(reads) ? [text, reads[1], reads[2]] : [text, '', '']),
    ]),
    ['nothing at all', () => null],
  ];
  test.each(changes)('%s', async (_what, change) => {
    const first = new Site(source, kind);
    for (const page of pages) await first.show(page);
    expect(await forge(first.store as TestingStore, change)).toBeGreaterThanOrEqual(2);
    const second = new Site(source, kind, { shared: first });
    for (const page of [...pages, ...pages]) await second.show(page);
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect((Article.prototype as { polluted?: unknown }).polluted).toBeUndefined();
    expect(second.outcomes).toEqual(['hit']);
  });
});

describe('the memory tier', () => {
  test('counts what its entries read', async () => {
    const maxBytes = 2_000_000;
    /** More than twice as many as fit. */
    const PAGES = sized(150, 500, 500);
    const site = new Site(T('{{ list | lengthOf }}'), 'memory', {
      sweeper: { memory: { maxBytes } },
      helpers: (env) => env.addFilter('lengthOf', (list: readonly number[]) => list.join().length),
    });
    const list = Array.from({ length: 6_000 }, (_, i) => 10_000 + i);
    const least = list.join('').length;
    const page = (id: number) => ({ a: new Article(id), list: [...list, id] });
    for (let id = 1; id <= PAGES; id++) {
      await site.cached(page(id));
      const { bytes, entries } = site.sweeper.stats().memory;
      expect(bytes).toBeLessThanOrEqual(maxBytes);
      // Each list may be there once: what is counted is no less than that.
      expect(entries * least).toBeLessThanOrEqual(maxBytes);
    }
    expect(site.sweeper.stats().memory.entries).toBeGreaterThan(1);
    await site.show(() => page(PAGES));
    expect(site.outcomes).toEqual(['hit']);
  });
});

describe.each(stored)('records of two processes that learn branches in different order, in %s', (kind) => {
  test('converge: each hits what the other made', async () => {
    const source = T(
      '{% if n == 0 %}{{ x }}{% elif n == 1 %}{{ y }}{{ rows[0].title }}{% else %}{% for r in rows %}{{ r.views }}{% endfor %}{% endif %}',
    );
    const page = (n: number, v: string) => () => ({ a: a(), n, x: v, y: v, rows: [{ title: v, views: v }] });
    const first = new Site(source, kind);
    const second = new Site(source, kind, { shared: first });
    for (let i = 0; i < 2; i++) {
      for (const n of [0, 1, 2]) {
        await first.show(page(n, 'a'));
        await second.show(page(2 - n, 'b'));
      }
    }
    for (const [maker, other, v] of [
      [first, second, 'c'],
      [second, first, 'd'],
    ] as const) {
      for (const n of [0, 1, 2]) {
        await maker.show(page(n, v));
        expect(await other.show(page(n, v))).toEqual(['hit']);
      }
    }
  });
});

describe('a template that was rendered before install()', () => {
  test.each([
    ['an include', '{% include "i.njk" %}', '<{{ lang }}>', 'i.njk'],
    ['a macro', '{% from "i.njk" import m %}{{ m(lang) }}', '{% macro m(x) %}<{{ x }}>{% endmacro %}', 'i.njk'],
    ['an include chosen at run time', '{% include name %}', '<{{ lang }}>', 'i.njk'],
  ])('makes no unknown template of fragments with it: %s', async (_what, body, partial, name) => {
    const templates = { 'page.njk': T(body), [name]: partial };
    const env = new nunjucks.Environment(new ObjectLoader(templates), { autoescape: true });
    const outcomes: string[] = [];
    await renderPage(env, name, { lang: 'before' });
    const sweeper = new CacheSweeper({
      onRender: ({ fragments }) => void outcomes.push(...fragments.map(({ outcome, reason }) => reason ?? outcome)),
    });
    sweeper.install(env);
    for (const lang of ['en', 'en', 'de']) {
      expect(await renderPage(env, 'page.njk', { a: a(), lang, name })).toBe(`<${lang}>`);
      await sweeper.idle();
    }
    expect(outcomes).toEqual(['miss', 'hit', 'miss']);
  });
});

describe.each(kinds)('html with half of a character, as truncate leaves of an emoji, in %s', (kind) => {
  const half = 'x\ud83d';
  const pages: readonly (readonly [string, string, object])[] = [
    ['printed', T('{{ s }}'), { s: half }],
    ['cut by a filter', T('{{ s | truncate(2, true, "") }}{{ s | replace("y", "") }}'), { s: 'x😀y' }],
    ['joined with its other half behind the tag', `${T('{{ s }}')}{{ t }}`, { s: half, t: '\ude00' }],
    ['in a body around', T(`<${T('{{ s }}')}>`), { s: half }],
    ['set by the body', `${T('{% set v = s %}')}{{ v }}`, { s: half }],
    ['captured by the body', `${T('{% set v %}{{ s }}{% endset %}')}{{ v }}`, { s: half }],
  ];
  test.each(pages)('comes back as it was: %s', async (_where, source, context) => {
    const site = new Site(source, kind);
    for (let i = 0; i < 3; i++) await site.show(() => ({ a: a(), ...context }));
    expect(new Set(site.outcomes)).toEqual(new Set(['hit']));
  });

  test('and is told from the character that stands for what cannot be read', async () => {
    const site = new Site(T('{{ s }}'), kind);
    for (const s of [half, 'x\ufffd', half, 'x\ufffd']) await site.show(() => ({ a: a(), s }));
    expect(site.outcomes).toEqual(['hit']);
  });
});
