import v8 from 'node:v8';
import { runInNewContext } from 'node:vm';
import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { expect, test } from 'vitest';
import { ObjectLoader } from '../support/loaders.ts';
import { Comment } from '../support/models.ts';

v8.setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as (options?: { readonly type: 'minor' }) => void;

const PAGES = 200;
const KILOBYTE = 1_024;
const templates = {
  'page.njk': '{% for comment in comments %}{% include "comment.njk" %}{% endfor %}',
  'comment.njk': '{% cachesweeper comment 500 %}{{ comment.text }}{% endcachesweeper %}',
};
const comments = Array.from({ length: 50 }, (_, id) => new Comment(id, `${id}`.repeat(KILOBYTE)));

/** Bytes in the old generation, where only a full collection finds what is dead. */
function old(): number {
  const spaces = v8.getHeapSpaceStatistics().filter(({ space_name: name }) => /^(old|large_object)_space$/.test(name));
  return spaces.reduce((sum, { space_used_size: used }) => sum + used, 0);
}

test.each([
  ['without a store', {}],
  ['with a store', { store: new TestingStore() }],
])('%s a delivered page dies young: nothing in the old generation points to it', async (_title, options) => {
  const env = new nunjucks.Environment(new ObjectLoader(templates) as nunjucks.ILoader);
  const sweeper = new CacheSweeper(options);
  sweeper.install(env);
  const page = async () => Buffer.byteLength(await sweeper.render(env, 'page.njk', { comments }));
  let bytes = 0;
  for (let i = 0; i < 50; i++) bytes = await page();
  expect(bytes).toBeGreaterThan(50 * KILOBYTE);
  collect();
  const before = old();
  for (let i = 0; i < PAGES; i++) {
    await page();
    // Twice: what has survived two collections is moved to the old generation.
    if (i % 100 === 99) for (let n = 0; n < 2; n++) collect({ type: 'minor' });
  }
  // What a page leaves is compiled code and the like; a page that is kept is all its html.
  expect((old() - before) / PAGES).toBeLessThan(bytes / 3);
});
