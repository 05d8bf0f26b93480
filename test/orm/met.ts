import type { SaveHookOptions } from 'nunjucks-cachesweeper/sequelize';
import { expect, test } from 'vitest';
import { Site } from '../sweeper/site.ts';

type Row = { text: string };

/** Rows of one model, in a database that a test may fill anew. */
export interface Rows {
  /** The ORM's name of the model. */
  readonly name: string;
  /** Reads two rows. */
  load(): Promise<readonly object[]>;
  /** Saves the first row, or the second. */
  save(index: 0 | 1, text: string): Promise<unknown>;
}

/**
 * Tries that rows of an ORM that is listened to are models where a body meets them, although nobody has named their type.
 *
 * @param open fills the database before it listens, because a save names the type
 */
export function metTests(open: (site: Site, hook: SaveHookOptions) => Promise<Rows>): void {
  const page =
    '{% cachesweeper "Page" 0 %}{{ ran("page") }}{% for row in list %}{{ row.text }} {% endfor %}{% endcachesweeper %}';
  const start = async (exclude: readonly string[] = []) => {
    const site = new Site(page);
    const rows = await open(site, { exclude });
    const ran = async (list: readonly object[]) => (await site.render({ list })).ran;
    site.settle();
    // Methods of a class that is data are trusted from the second page on.
    for (let i = 0; i < 2; i++) await ran(await rows.load());
    expect(await ran(await rows.load())).toEqual([]);
    return { site, rows, ran };
  };

  test('rows that a body meets are models without being registered: a save of one is heard', async () => {
    const { site, rows, ran } = await start();
    expect(site.fragments[0]?.reads).toEqual(['ran']);
    const before = await rows.load();
    await rows.save(1, 'new');
    // Their content is the same, so only the bump tells.
    expect(await ran(before)).toEqual(['page']);
    site.settle();
    const { html } = await site.render({ list: await rows.load() });
    expect(html).toBe('a new ');
    expect(await ran(await rows.load())).toEqual([]);
  });

  test('rows of an excluded model are compared, because their saves are not heard', async () => {
    const { name } = await open(new Site(page), {});
    const { rows, ran } = await start([name]);
    const before = await rows.load();
    await rows.save(1, 'new');
    expect(await ran(before)).toEqual([]);
    expect(await ran(await rows.load())).toEqual(['page']);
    const [first, second] = (await rows.load()) as unknown as [Row, Row];
    first.text = 'unsaved';
    expect(await ran([first, second])).toEqual(['page']);
  });
}
