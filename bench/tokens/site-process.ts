import { CacheSweeper, type Store, storeFromEnvironment } from 'nunjucks-cachesweeper';
import { type Comment, commentsOf, contextOf, environment, sent } from '../page.ts';

/** What a process of the site does, as long as it is told. */
export interface Work {
  readonly do: 'pages' | 'bumps';
  /** Fragments of a page: it reads the token of each, and two more. */
  readonly fragments: number;
  readonly seconds: number;
}

/** What came of it. */
export interface Done {
  readonly count: number;
  /** Microseconds of this process for each. */
  readonly cpu: number;
  /** Bytes of keys and values that went to the store and came from it, for each. */
  readonly payload: number;
}

/** Visitors that are there at one time. */
const AT_ONCE = 8;
const WARM_UP = 1;

/** A store, counting what goes by. */
class CountingStore implements Store {
  readonly #store: Store;
  payload = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  async getMany(...[kind, keys, call]: Parameters<Store['getMany']>): ReturnType<Store['getMany']> {
    const answers = await this.#store.getMany(kind, keys, call);
    for (const key of keys) this.payload += key.length;
    for (const answer of answers) this.payload += answer.state === 'found' ? answer.value.length : 0;
    return answers;
  }

  setMany(...[kind, items, call]: Parameters<Store['setMany']>): ReturnType<Store['setMany']> {
    for (const { key, value } of items) this.payload += key.length + value.length;
    return this.#store.setMany(kind, items, call);
  }

  addMany(...given: Parameters<Store['addMany']>): ReturnType<Store['addMany']> {
    return this.#store.addMany(...given);
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}

/** A site whose pages have been there for long. */
async function warm(store: Store | undefined, comments: readonly Comment[]) {
  let passed = 0;
  const sweeper = new CacheSweeper({
    ...(store === undefined ? {} : { store }),
    namespace: 'site',
    now: () => Date.now() + passed,
    timeout: '5s',
  });
  const env = sweeper.install(environment('cached'));
  const context = contextOf(comments);
  const page = async () => sent(await sweeper.render(env, 'page.njk', context));
  for (let i = 0; i < 4; i++) {
    await page();
    await sweeper.idle();
    // Longer than maxDataAge: what is rendered from now on is stored for good.
    passed += 10_000;
  }
  return { sweeper, page };
}

async function keepOn(run: () => Promise<unknown>, seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1_000;
  let count = 0;
  const done = () => void count++;
  // A bump that is not acknowledged in a second, because the machine is busy, does not count.
  const failed = () => {};
  const visitor = async () => {
    while (performance.now() < end) await run().then(done, failed);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, visitor));
  return count;
}

const work = JSON.parse(process.argv[2] as string) as Work;
const named = storeFromEnvironment();
const store = typeof named === 'object' ? new CountingStore(named) : undefined;
const comments = commentsOf(work.fragments);
const { sweeper, page } = await warm(store, comments);
let bumped = 0;
const bump = () => sweeper.invalidateCacheFor(comments[bumped++ % comments.length]);
const run = work.do === 'pages' ? page : bump;
await keepOn(run, WARM_UP);
process.send?.('ready');
process.once('message', async () => {
  if (store !== undefined) store.payload = 0;
  const before = process.cpuUsage();
  const count = await keepOn(run, work.seconds);
  const { user, system } = process.cpuUsage(before);
  const done: Done = { count, cpu: (user + system) / count, payload: (store?.payload ?? 0) / count };
  process.send?.(done);
  // What the server does for this process is looked at while it is connected.
  process.once('message', async () => {
    await sweeper.close();
    process.exit();
  });
});
