import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { blocksOf } from '../docs/code-blocks.ts';
import { isDeep } from '../support/long.ts';

interface Built {
  readonly built: readonly { readonly pages: Record<string, string>; readonly bodies: number }[];
  readonly entries: number;
}

const folder = new URL('eleventy/', import.meta.url);
let temporary = '';
beforeAll(() => {
  temporary = mkdtempSync(join(tmpdir(), 'cachesweeper-eleventy-'));
});
afterAll(() => rmSync(temporary, { recursive: true }));

/** Builds the site in a process of its own. */
async function build(settings: object, nodeOptions: readonly string[] = []): Promise<Built & { warnings: string }> {
  const args = [...nodeOptions, fileURLToPath(new URL('build.mjs', folder)), JSON.stringify(settings)];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: folder });
  return { ...JSON.parse(stdout), warnings: stderr };
}

const MOZILLA = ['--import', new URL('mozilla-nunjucks.mjs', folder).href];
/** Two links of the navigation, the footer and two authors. */
const DIFFERENT = 5;
/** Navigation and footer on five pages, an author on four and three on the first. */
const SHOWN = 5 * 3 + 4 + 3;

const ways = [
  ['its @11ty/nunjucks, installed on the event', 'event', []],
  ['its @11ty/nunjucks, installed by amendLibrary', 'amend', []],
  ['Mozilla’s nunjucks', 'event', MOZILLA],
] as const;
// Each build is a process of its own: every day those of the first way.
describe.each(isDeep ? ways : ways.slice(0, 1))('Eleventy with %s', (_title, how, nodeOptions) => {
  test('renders a body once for many pages, and none in a later build that finds what it stored', {
    timeout: 60_000,
  }, async () => {
    const store = join(temporary, randomUUID());
    const first = await build({ how, store }, nodeOptions);
    const { pages, bodies } = first.built[0]!;
    expect(pages['/posts/post-1/']).toBe(
      '<!doctype html>\n<title>Post 1</title>\n<nav><a href="/news/">News</a><a href="/about/">About</a></nav>\n\n' +
        '<main><h1>Post 1</h1><aside>Author 1</aside>\n\n</main>\n<footer>A site, edition 1</footer>\n\n',
    );
    expect(pages['/posts/note/']).toContain('<p>Some <em>words</em>. <aside>Author 1</aside></p>');
    expect(Object.keys(pages)).toHaveLength(5);
    expect(bodies).toBeGreaterThanOrEqual(DIFFERENT);
    // Pages that Eleventy renders at one moment may each render it.
    expect(bodies).toBeLessThan(SHOWN);
    expect(first.warnings).toBe('');
    // The first build made the tokens: what it stored lived for maxDataAge. The second one stores for good.
    const second = await build({ how, store, minute: 1 }, nodeOptions);
    const third = await build({ how, store, minute: 2 }, nodeOptions);
    expect(third.built).toEqual([{ pages, bodies: 0 }]);
    const invalidated = await build({ how, store, minute: 3, invalidate: 1 }, nodeOptions);
    expect(invalidated.built[0]!.pages).toEqual(pages);
    expect(invalidated.built[0]!.bodies).toBeGreaterThanOrEqual(1);
    expect([second, third, invalidated].map(({ warnings }) => warnings).join('')).toBe('');
  });

  test('ends the build with an error that says what is wrong when a paired shortcode stands in a body', async () => {
    const failed = await build({ how, broken: true }, nodeOptions).catch((error: { stderr: string }) => error.stderr);
    expect(failed).toContain('do that part outside the fragment');
    expect(failed).toContain('broken.njk');
  });
});

test("the recipe's own lines render a body once for many pages, and anew in the next build", async () => {
  const [config] = blocksOf('docs/recipes.md').filter(
    ({ section, language }) => section === 'Eleventy' && language === 'js',
  );
  const docs = new URL('../../build/docs/', import.meta.url);
  mkdirSync(docs, { recursive: true });
  const recipe = new URL('eleventy.config.mjs', docs);
  writeFileSync(recipe, config!.code);
  const { built, warnings } = await build({ how: 'recipe', recipe: recipe.href, builds: 2 });
  for (const { pages, bodies } of built) {
    expect(Object.keys(pages)).toHaveLength(5);
    expect(bodies).toBeGreaterThanOrEqual(DIFFERENT);
    expect(bodies).toBeLessThan(SHOWN);
  }
  expect(warnings).toBe('');
});

test('a dev server that invalidates everything before each build shows what changed', async () => {
  const { built } = await build({ how: 'event', builds: 3, invalidateAll: true });
  const footers = built.map(({ pages }) => /edition \d/.exec(pages['/']!)?.[0]);
  expect(footers).toEqual(['edition 1', 'edition 2', 'edition 3']);
});

test('an environment of another copy of Nunjucks than Eleventy’s is heard: it caches nothing', async () => {
  const { built, entries, warnings } = await build({ how: 'foreign' });
  expect(entries).toBe(0);
  expect(built[0]!.bodies).toBe(SHOWN);
  expect(warnings.match(/\[CACHESWEEPER_NO_PAGE\]/g)).toHaveLength(1);
});
