import fc from 'fast-check';
import nunjucks from 'nunjucks';
import { CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { expect, test } from 'vitest';
import { ObjectLoader } from '../support/loaders.ts';
import { runs, sized } from '../support/long.ts';
import { Article } from '../support/models.ts';

/** A page: its fragments in order; each may have others inside, and may load by rendering another page. */
interface Fragment {
  readonly id: number;
  readonly inside: readonly Fragment[];
  /** Whether it loads before the fragments inside, after them, or renders a page of them in its lazy. */
  readonly loads: 'before' | 'after' | 'by rendering' | 'not';
}

const FRAGMENTS = 6;

const { fragment } = fc.letrec<{ fragment: Fragment }>((tie) => ({
  fragment: fc.record({
    id: fc.nat({ max: FRAGMENTS - 1 }),
    inside: fc.oneof({ maxDepth: 3 }, fc.constant([] as Fragment[]), fc.array(tie('fragment'), { maxLength: 3 })),
    loads: fc.constantFrom('before', 'after', 'by rendering', 'not'),
  }),
}));
const pages = fc.array(fc.array(fragment, { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 12 });

/** Writes a template, unless it is there, and returns its name. Equal fragments stand in one template, so that pages share them. */
function named(source: string, templates: Record<string, string>): string {
  const known = Object.keys(templates).find((name) => templates[name] === source);
  const name = known ?? `t${Object.keys(templates).length}.njk`;
  templates[name] = source;
  return name;
}

/** Writes the templates of a page; what is rendered by a lazy is a page of its own. */
function write(page: readonly Fragment[], templates: Record<string, string>): string {
  const includes = page.map(({ id, inside, loads }) => {
    const inner = inside.length === 0 ? undefined : write(inside, templates);
    const load = `{{ load("m${id}") }}`;
    const own = inner === undefined ? '' : `{% include "${inner}" %}`;
    const body = {
      before: load + own,
      after: own + load,
      not: own,
      'by rendering': inner === undefined ? load : `{{ part("${inner}") | safe }}`,
    }[loads];
    return `{% include "${named(`{% cachesweeper m${id} 500 %}${body}{% endcachesweeper %}`, templates)}" %}`;
  });
  return named(includes.join(''), templates);
}

const models = Object.fromEntries(Array.from({ length: FRAGMENTS }, (_, i) => [`m${i}`, new Article(i)]));
const later = (most: number) => new Promise((resolve) => setTimeout(resolve, Math.random() * most));

function site(templates: Record<string, string>, options: object) {
  const env = new nunjucks.Environment(new ObjectLoader(templates) as nunjucks.ILoader, { autoescape: true });
  const sweeper = new CacheSweeper(options);
  sweeper.install(env);
  let loads = 0;
  const render = (name: string): Promise<string> =>
    sweeper.render(env, name, {
      ...models,
      load: lazy(async (model: string) => {
        loads++;
        await later(3);
        return model;
      }),
      part: lazy(async (part: string) => {
        loads++;
        await later(1);
        return render(part);
      }),
    });
  return { sweeper, render, loads: () => loads };
}

test('whatever pages have in common, in whatever order: nobody waits in a circle, and each page is what it would be alone', async () => {
  let coalesced = 0;
  await fc.assert(
    fc.asyncProperty(pages, fc.boolean(), async (all, isTwice) => {
      const templates: Record<string, string> = {};
      const names = all.map((page) => write(page, templates));
      const alone = site(templates, { wait: '0s', memory: false });
      const expected = await Promise.all(names.map((name) => alone.render(name)));
      // Who waits in a circle waits for a minute, and the test fails.
      const together = site(templates, { wait: '60s' });
      const asked = isTwice ? [...names, ...names] : names;
      const html = await Promise.all(asked.map((name) => together.render(name)));
      expect(html).toEqual(isTwice ? [...expected, ...expected] : expected);
      const { making } = together.sweeper.stats();
      expect([making.running, making.waiting]).toEqual([0, 0]);
      coalesced += making.coalesced;
      await Promise.all([alone, together].map(({ sweeper }) => sweeper.close()));
    }),
    runs(15, 10_000, 150),
  );
  expect(coalesced).toBeGreaterThan(sized(15, 10_000, 150));
}, 3_600_000);

test('a hundred cold pages with five fragments in common and one of their own load hardly more than there are fragments', async () => {
  const templates: Record<string, string> = {};
  const shared = [0, 1, 2, 3, 4];
  for (const i of shared)
    templates[`s${i}.njk`] = `{% cachesweeper m${i} 500 %}{{ load("m${i}") }}{% endcachesweeper %}`;
  const names = Array.from({ length: 100 }, (_, i) => {
    const own = `{% cachesweeper m5 500 ${i} %}{{ load("own${i}") }}{% endcachesweeper %}`;
    // Each in another order.
    const order = [...shared].sort((a, b) => ((a * 7 + i * 3) % 11) - ((b * 7 + i * 3) % 11));
    const parts = order.map((one) => `{% include "s${one}.njk" %}`);
    parts.splice(i % 6, 0, own);
    templates[`p${i}.njk`] = parts.join('');
    return `p${i}.njk`;
  });
  const { render, loads, sweeper } = site(templates, { wait: '60s' });
  await Promise.all(names.map((name) => render(name)));
  expect(loads()).toBeLessThanOrEqual(105 * 1.1);
  await sweeper.close();
});
