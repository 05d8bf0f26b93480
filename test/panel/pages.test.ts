import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runs } from '../support/long.ts';
import { DOCUMENT, type PanelSite, panelSite } from './site.ts';

const MARK = /<!--\/?cs:\w{24}:\d+-->/g;
const STRIP = /<script src="\/__cachesweeper\/strip\/\w+\.js" async><\/script>/;

/** What bodies and pages are made of; `#` is what stands inside. */
const AROUND: readonly string[] = [
  '#',
  '<p>#</p>',
  '{% cachesweeper one 500 type="Row" %}#{% endcachesweeper %}',
  '{% cachesweeper two 500 lang type="Row" %}<b>#</b>{% endcachesweeper %}',
  '{% for row in rows %}{% cachesweeper row 500 type="Row" %}<i>{{ row.text }}</i>#{% endcachesweeper %}{% endfor %}',
  '{% set kept %}#{% endset %}{{ kept | safe }}{{ kept | length }}',
  '{% filter upper %}#{% endfilter %}',
  '{% macro box(title) %}<h2>{{ title }}</h2>#{% endmacro %}{{ box("a") }}{{ box("b") }}',
  '{% macro around() %}[{{ caller() }}]{% endmacro %}{% call around() %}#{% endcall %}',
  '{% if lang == "en" %}#{% endif %}',
  '<textarea>#</textarea>',
  '<title>#</title>',
  '<a title="#">',
  '<script>"#"</script>',
  '<!-- # -->',
  '{% uncached %}#{{ lang }}{% enduncached %}',
];
const LEAVES: readonly string[] = [
  '{{ one.text }}',
  '{{ lang }}',
  '5',
  ' ',
  '<br>',
  '{{ rows | length }}',
  '&amp;',
  '{% include "part.njk" %}',
];

const piece: fc.Arbitrary<string> = fc.letrec<{ piece: string; pieces: string }>((tie) => ({
  piece: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(...LEAVES),
    fc.tuple(fc.constantFrom(...AROUND), tie('pieces')).map(([around, inside]) => around.replace('#', () => inside)),
  ),
  pieces: fc.array(tie('piece'), { minLength: 1, maxLength: 3 }).map((all) => all.join('')),
})).pieces;

const context = () => ({
  one: { id: 1, text: 'one' },
  two: { id: 2, text: '<two>' },
  rows: [
    { id: 3, text: 'three' },
    { id: 4, text: '5' },
  ],
  lang: 'en',
});

const templates: Record<string, string> = {
  'part.njk': '{% cachesweeper one 500 "part" type="Row" %}<u>{{ one.text }}</u>{% endcachesweeper %}',
};
let site: PanelSite;
let plain: PanelSite;
beforeAll(async () => {
  site = await panelSite('express', { templates, context });
  plain = await panelSite('express', { templates, context, panel: false });
});
afterAll(async () => {
  await site?.close();
  await plain?.close();
});

test('a page is the same with the panel, without its marks, and without the cache, and what is cached stays the same', async () => {
  let pages = 0;
  let marks = 0;
  let failed = 0;
  await fc.assert(
    fc.asyncProperty(piece, async (body) => {
      const name = `page${pages++}`;
      templates[`${name}.njk`] = `<!doctype html><html><body>${body}</body></html>`;
      const answers = [];
      for (const headers of [{}, { Cookie: 'cachesweeper-panel=marks' }, {}, { 'Cache-Control': 'no-cache' }, {}]) {
        answers.push(await site.get(`/${name}`, { ...DOCUMENT, ...headers }));
      }
      const expected = await plain.get(`/${name}`);
      const second = await plain.get(`/${name}`);
      if (expected.status === 500) failed++;
      for (const [i, { status, text }] of answers.entries()) {
        marks += text.match(MARK)?.length ?? 0;
        if (i !== 1) expect(text).not.toMatch(MARK);
        // Of a template that cannot be rendered, Express shows the error, whose places are those of the other page.
        if (status !== 200) expect([status, expected.status]).toEqual([500, 500]);
        else expect(text.replace(MARK, '').replace(STRIP, '')).toBe((i === 0 ? expected : second).text);
      }
    }),
    runs(25, 3_000, 400),
  );
  expect(marks).toBeGreaterThan(10);
  expect(failed).toBeLessThan(pages / 2);
}, 300_000);
