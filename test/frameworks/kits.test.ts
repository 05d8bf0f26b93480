import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CacheSweeperStats } from 'nunjucks-cachesweeper';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isLong } from '../support/long.ts';
import { differences, type Pages, type Running, start } from './kits/compare.ts';
import { PACKAGES, writeGovuk } from './kits/govuk.ts';
import { install } from './kits/install.ts';
import { NHS_PACKAGES, writeNhs } from './kits/nhs.ts';

const MEMORY = '';
const STORE = "store: new (require('nunjucks-cachesweeper/testing').TestingStore)()";
/** `data` is no private name, so no argument needs to name it. */
const COMPARED = 'private: []';
const NAMED = " data['name'] data['answer'] data['drinks'] data['address']";

/** A folder where the kits are installed already, to save the time; one is made otherwise. And whether to print what was cached. */
const { KITS, KITS_SHOW: SHOW } = process.env;

let folder = '';
beforeAll(async () => {
  if (isLong) folder = mkdtempSync(join(tmpdir(), 'cachesweeper-kits-'));
});
afterAll(() => {
  if (isLong) rmSync(folder, { recursive: true });
});

/** What a test is called, its site is, the sweeper's options and the tags' arguments. */
type Kind = readonly [title: string, name: string, options: string, args: string];
const IN_MEMORY: Kind = ['in memory', 'memory', MEMORY, NAMED];
const IN_STORE: Kind = ['in a store', 'store', STORE, NAMED];
const WITHOUT_ARGUMENTS: Kind = ['in memory, without arguments', 'compared', COMPARED, ''];

const isComponent = (path: string) => path.startsWith('/components/');
const all = () => true;
/** Without its cache the kit compiles a component's template for each call of its macro: in development, leave those pages out. */
const others = (path: string) => !isComponent(path);

const SITES = [
  ['GOV.UK Prototype Kit, in production', writeGovuk, PACKAGES, 'production', all, [IN_MEMORY, IN_STORE]],
  ['GOV.UK Prototype Kit, all compared', writeGovuk, PACKAGES, 'production', all, [WITHOUT_ARGUMENTS]],
  ['GOV.UK Prototype Kit, in development', writeGovuk, PACKAGES, 'development', others, [IN_MEMORY, IN_STORE]],
  ['NHS components, laid out as the NHS kit', writeNhs, NHS_PACKAGES, 'production', all, [IN_MEMORY, IN_STORE]],
] as const;

// Only `npm run test:long` has time for it, and the registry may be out of reach.
describe.skipIf(!isLong).each(SITES)('%s', (title, write, packages, mode, isAsked, kinds) => {
  const env = { NODE_ENV: mode, USE_AUTH: 'false', USE_HTTPS: 'false', USE_BROWSER_SYNC: 'false' };
  const running: Running[] = [];
  let modules: string | undefined;
  let without: Pages;
  const run = async (name: string, options: string | undefined, args: string): Promise<Running> => {
    const site = write(join(folder, `${title.replaceAll(/\W/g, '')}-${name}`), modules as string, { options, args });
    const started = await start({ ...site, paths: site.paths.filter(isAsked) }, env);
    running.push(started);
    return started;
  };

  beforeAll(async () => {
    modules = await install(join(KITS ?? folder, write.name), packages);
    if (modules === undefined) return;
    const plain = await run('without', undefined, '');
    without = await plain.round();
    // Pages that differ without a sweeper as well would say nothing.
    expect(differences(without, await plain.round())).toEqual([]);
    expect([...without.values()].filter((page) => page.startsWith('200')).length).toBeGreaterThan(50);
  }, 900_000);
  afterAll(() => Promise.all(running.map((one) => one.stop())));

  test.each<Kind>(kinds)(
    'shows every page to every visitor as it does without a sweeper: %s',
    { timeout: 900_000 },
    async (...kind) => {
      if (modules === undefined) return console.warn(`${title}: not tested, the registry cannot be reached`);
      const [, name, options, args] = kind;
      const site = await run(name, options, args);
      expect(differences(without, await site.round()), 'cold').toEqual([]);
      expect(differences(without, await site.round()), 'warm').toEqual([]);
      const before = await stats(site);
      expect(await site.get('/-bump')).toBe('bumped');
      expect(differences(without, await site.round()), 'after invalidateAll').toEqual([]);
      const after = await stats(site);
      if (SHOW) console.log(title, name, `${without.size} pages`, before, after);
      // How many depends on the time: what a store keeps right after its tokens were made lives for `maxDataAge` only.
      expect(before.hits).toBeGreaterThan(before.tags / 2);
      expect(after.misses).toBeGreaterThan(before.misses);
    },
  );
});

async function stats(site: Running): Promise<{ tags: number; hits: number; misses: number; uncached: object }> {
  const { tags } = JSON.parse(await site.get('/-stats')) as CacheSweeperStats;
  const sum = (of: 'hits' | 'misses') => tags.reduce((all, tag) => all + tag[of], 0);
  const uncached: Record<string, number> = {};
  for (const tag of tags) {
    for (const [reason, times] of Object.entries(tag.uncached)) uncached[reason] = (uncached[reason] ?? 0) + times;
  }
  return { tags: tags.length, hits: sum('hits'), misses: sum('misses'), uncached };
}
