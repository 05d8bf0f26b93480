import { CacheSweeper } from 'nunjucks-cachesweeper';
import { bodies, type Comment, commentsOf, contextOf, environment, sent } from '../page.ts';
import type { Row } from '../row.ts';
import type { Made, Scenario } from '../scenario.ts';

const SIZES = [10, 1_000, 10_000] as const;
const COMMON_SIZE = 100;
/** Enough for the html of the largest page. */
const MAX_BYTES = 256 * 1024 * 1024;
const ENTRIES = [5_000, 20_000] as const;
const WARM_UP = 2_000;

/** Time per fragment, whatever their number: as many fragments on pages of one size and of another. */
export const scenarios: readonly Scenario[] = SIZES.map((size) => ({
  scenario: `${size.toLocaleString('en')} fragments on a page, all hits`,
  floor: `as many on pages of ${COMMON_SIZE}`,
  goal: 1.25,
  fragments: Math.max(size, COMMON_SIZE),
  rounds: size > 1_000 ? 20 : 100,
  ours: () => pages(size, Math.max(1, COMMON_SIZE / size)),
  other: () => pages(COMMON_SIZE, Math.max(1, size / COMMON_SIZE)),
}));

function pages(size: number, count: number): Made {
  const context = contextOf(commentsOf(size));
  const env = new CacheSweeper({ memory: { maxBytes: MAX_BYTES } }).install(environment('cached'));
  const side = () => {
    for (let i = 0; i < count; i++) sent(env.render('page.njk', context));
  };
  return { side };
}

export const rows = (): readonly Row[] => ENTRIES.map(memoryPerEntry);

/** What an entry in the memory tier takes beyond its html, its key and the names and tokens it depends on. */
function memoryPerEntry(count: number): Row {
  const list = commentsOf(count);
  const html = bodies(list).reduce((sum, body) => sum + sent(body), 0);
  const sweeper = new CacheSweeper({ memory: { maxBytes: MAX_BYTES } });
  const env = sweeper.install(environment('cached'));
  // Compiled code and the like is there before, as in any process that has run for a while.
  const others = commentsOf(count + WARM_UP).slice(count);
  const pagesOf = (all: readonly Comment[]) => {
    for (let i = 0; i < all.length; i += COMMON_SIZE) {
      env.render('page.njk', contextOf(all.slice(i, i + COMMON_SIZE)));
    }
  };
  pagesOf(others);
  const before = used();
  pagesOf(list);
  const after = used();
  if (sweeper.stats().memory.entries !== count + WARM_UP) throw new Error('the memory tier does not hold all entries');
  // The key in the process with the model's name in it; the three names and their tokens.
  const texts = list.reduce((sum, { id }) => sum + KEY.length + 2 * `Comment:=${id}`.length + NAMES_AND_TOKENS, 0);
  const over = (after - before - html - texts) / count;
  return {
    scenario: `memory per entry kept in the tier, ${count.toLocaleString('en')} entries`,
    floor: 'body, key and dependency bytes; goal: at most 300 bytes over',
    goal: 1,
    ratio: over / 300,
    ours: `${over.toFixed(0)} bytes over`,
    other: `${((html + texts) / count).toFixed(0)} bytes`,
  };
}

/** What a key in the process holds beside the name: the tag's number, its keys, and the length of the name. */
const KEY = '0 ["comment.njk"]10:';

/** `*` and `Comment`, and three tokens. */
const NAMES_AND_TOKENS = 1 + 7 + 3 * 20;

function used(): number {
  for (let i = 0; i < 3; i++) globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
