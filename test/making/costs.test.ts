import { lazy } from 'nunjucks-cachesweeper';
import { afterEach, expect, test } from 'vitest';
import { Article } from '../support/models.ts';
import { gate, Site } from '../waiting/support.ts';

const open: Site[] = [];
afterEach(async () => {
  for (const site of open.splice(0)) {
    expect(site.sweeper.stats().making).toMatchObject({ running: 0, waiting: 0 });
    await site.sweeper.close();
  }
});

function siteOf(template: string, options = {}): Site {
  const site = new Site({ 'page.njk': template }, options);
  open.push(site);
  return site;
}

/** Waits until nothing happens without what a test opens. */
async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** A model that counts how often somebody asks what it is: once each time a body's values are compared. */
class Counted {
  asked = 0;
  title = 'title';

  get cacheIdentity(): string {
    this.asked++;
    return 'Counted:1';
  }
}

/** How often a page looks at the values that its fragments are compared by, once it is known what these are. */
async function looksOf(template: string, size: number): Promise<number> {
  const site = siteOf(template);
  const row = new Counted();
  const ids = Array.from({ length: size }, (_, i) => i);
  const visit = () => site.page({ article: new Article(1), row, ids, load: lazy(async (id: number) => id) });
  await visit();
  row.asked = 0;
  await site.sweeper.invalidateCacheFor(new Article(1));
  await visit();
  return row.asked;
}

test('a page that uses a fragment in many variants looks at the values of each use, not at those of each pair of uses', async () => {
  const template =
    '{% for id in ids %}{% cachesweeper article 500 %}{{ row.title }}{{ load(id) }}{% endcachesweeper %}{% endfor %}';
  const [few, many] = [await looksOf(template, 20), await looksOf(template, 80)];
  expect(many).toBeLessThanOrEqual(few * 4.5);
});

test('a body that waits for many lazies looks at its values as often as one that waits for few', async () => {
  const template =
    '{% cachesweeper article 500 %}{{ row.title }}{% for id in ids %}{{ load(id) }}{% endfor %}{% endcachesweeper %}';
  expect(await looksOf(template, 80)).toBe(await looksOf(template, 2));
});

test('a page that uses a fragment twice waits as one that uses it once: a second time when the first was another variant', async () => {
  const site = siteOf(
    '{% for use in [1, 2] %}{% cachesweeper article 500 %}{{ lang }}{{ load() }}{% endcachesweeper %}{% endfor %}',
  );
  const loads: ReturnType<typeof gate<string>>[] = [];
  const [english, ...german] = ['en', 'de', 'de'].map((lang) =>
    site.sweeper.render(site.env, 'page.njk', {
      article: new Article(1),
      lang,
      load: lazy(() => {
        const load = gate<string>();
        loads.push(load);
        return load.promise;
      }),
    }),
  );
  await settled();
  loads[0]?.open('.');
  expect(await english).toBe('en.en.');
  await settled();
  expect(loads).toHaveLength(2);
  loads[1]?.open('.');
  expect(await Promise.all(german)).toEqual(['de.de.', 'de.de.']);
});

test('what was made from a row that has changed since does not keep others from waiting for who makes it anew', async () => {
  const site = siteOf(
    '{% cachesweeper article 500 %}{% depends row %}{{ rows() }}{% endcachesweeper %}{{ slow(quick()) }}',
    { memory: false },
  );
  const loads: ReturnType<typeof gate<number>>[] = [];
  const visit = (slow: unknown) =>
    site.sweeper.render(site.env, 'page.njk', {
      article: new Article(1),
      row: new Article(7),
      quick: lazy(async () => 1),
      slow: lazy(() => slow),
      rows: lazy(() => {
        const load = gate<number>();
        loads.push(load);
        return load.promise;
      }),
    });
  const slow = gate<string>();
  // The first one makes known what the tag reads.
  const first = visit('');
  await settled();
  loads[0]?.open(0);
  await first;
  // This one has made the fragment, and waits for something else.
  const second = visit(slow.promise);
  await settled();
  loads[1]?.open(1);
  await settled();
  expect(await visit('')).toBe('1');
  await site.sweeper.invalidateCacheFor(new Article(7));
  const others = [visit(''), visit(''), visit('')];
  await settled();
  expect(loads).toHaveLength(3);
  loads[2]?.open(2);
  expect(await Promise.all(others)).toEqual(['2', '2', '2']);
  slow.open('');
  await second;
});
