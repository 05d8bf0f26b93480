// Prints how many bytes of the old generation each delivered page leaves, and how many bytes a page has.
import v8 from 'node:v8';
import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';

const templates = {
  'page.njk': '{% for comment in comments %}{% include "comment.njk" %}{% endfor %}',
  'comment.njk': '{% cachesweeper comment 500 when=isCached %}{{ comment.text }}{{ unseen }}{% endcachesweeper %}',
};
class Comment {
  constructor(id) {
    this.id = id;
    this.text = `${id}`.repeat(1_024);
  }
}
const comments = Array.from({ length: 50 }, (_, id) => new Comment(id));

/** Bytes in the old generation, where only a full collection finds what is dead. */
function old() {
  const spaces = v8.getHeapSpaceStatistics().filter(({ space_name: name }) => /^(old|large_object)_space$/.test(name));
  return spaces.reduce((sum, { space_used_size: used }) => sum + used, 0);
}

const loader = { getSource: (name) => ({ src: templates[name], path: name, noCache: false }) };
const [, , kind] = process.argv;
/** Recording takes long in code that is not optimised. */
const PAGES = kind === 'unseen' ? 50 : 200;
const env = new nunjucks.Environment(loader);
/** The clock stands still: on a slow machine what was stored provisionally would expire and be stored anew, among the pages that are counted. */
const now = () => 1_800_000_000_000;
const sweeper = new CacheSweeper(kind === 'store' ? { now, store: new TestingStore({ now }) } : { now });
sweeper.install(env);
/** What has a getter cannot be compared: bodies that print it are recorded, and not stored. */
const unseen = () =>
  kind === 'unseen'
    ? {
        get text() {
          return '';
        },
        toString: () => '',
      }
    : '';
const page = async () =>
  Buffer.byteLength(
    await sweeper.render(env, 'page.njk', { comments, isCached: kind !== 'uncached', unseen: unseen() }),
  );
let bytes = 0;
for (let i = 0; i < PAGES / 2; i++) bytes = await page();
globalThis.gc();
const before = old();
for (let i = 0; i < PAGES; i++) {
  await page();
  // Twice: what has survived two collections is moved to the old generation.
  if (i % (PAGES / 2) === PAGES / 2 - 1) for (let n = 0; n < 2; n++) globalThis.gc({ type: 'minor' });
}
console.log(JSON.stringify({ bytes, kept: (old() - before) / PAGES }));
