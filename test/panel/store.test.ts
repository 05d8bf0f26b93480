import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Memcached } from '../support/memcached.ts';
import { DOCUMENT, type PanelSite, type Plan, panelSite } from './site.ts';

/** The machine may be busy. */
const SOON = { timeout: 15_000 };

let memcached: Memcached;
const open: PanelSite[] = [];
beforeAll(async () => {
  memcached = await Memcached.start();
});
afterAll(() => memcached?.stop());
afterEach(async () => {
  for (const site of open.splice(0)) await site.close();
});

const templates = {
  'page.njk':
    '<!doctype html><body>{% cachesweeper row 500 type="Row" %}<p>{{ row.text }}</p>{% endcachesweeper %}' +
    '{% cachesweeper row 500 "now" type="Row" %}{{ hidden() }}{% endcachesweeper %}</body>',
  'view.njk':
    '<!doctype html><body>{% cachesweeper row 500 type="Row" %}<p>{{ row.text }}</p>{% endcachesweeper %}</body>',
};

/** A process of the site. */
async function start(plan: Partial<Plan> = {}): Promise<PanelSite> {
  const site = await panelSite('express', {
    templates,
    sweeper: { store: new MemcachedStore(memcached.address), namespace: 'panel' },
    context: () => ({ row: { id: 1, text: 'a row' }, hidden: () => new Map([[{}, () => 1]]).size }),
    ...plan,
  });
  open.push(site);
  return site;
}

interface Report {
  figures: { roundTrips: number };
  fragments: { outcome: string; cause?: string }[];
  view?: object;
}

/** Asks for a page, and returns the address of its strip. */
async function show(site: PanelSite, path: string): Promise<string> {
  const text = await (await fetch(site.url + path, { headers: DOCUMENT })).text();
  return /src="([^"]+)"/.exec(text)?.[1] as string;
}

/** What a strip is given. */
async function stripOf(site: PanelSite, address: string): Promise<Report> {
  const script = await (await fetch(site.url + address, { headers: { 'Sec-Fetch-Site': 'same-origin' } })).text();
  return JSON.parse(/\n}\)\((\{.*\}), \{.*\}\);\n$/.exec(script)?.[1] as string);
}

/** What the strip is given of a page, asked for as soon as the page is there. */
async function report(site: PanelSite): Promise<Report> {
  const report = await stripOf(site, await show(site, '/page'));
  await site.sweeper.idle();
  return report;
}

test('of a fragment that another process has invalidated it says who did it', async () => {
  const [one, other] = [await start(), await start()];
  await report(one);
  await other.sweeper.invalidateCacheFor({ type: 'Row', id: 1 });
  const { fragments } = await report(one);
  expect(fragments[0]).toMatchObject({
    outcome: 'miss',
    cause: expect.stringMatching(/^Row 1, invalidated [\d.]+ s ago by .*store\.test\.ts/),
  });
});

test('of a whole view that is being stored it says what is stored, and who in another process has invalidated it', async () => {
  const [one, other] = [await start({ view: true }), await start({ view: true })];
  const kept = { own: expect.arrayContaining(['@view:=path:/view']), inherited: ['Row', 'Row:=1'] };
  const first = await show(one, '/view');
  await expect.poll(() => stripOf(one, first), SOON).toMatchObject({ view: { outcome: 'miss', kept } });
  await other.sweeper.expireView('/view');
  const second = await show(one, '/view');
  await expect
    .poll(() => stripOf(one, second), SOON)
    .toMatchObject({
      view: {
        outcome: 'miss',
        cause: expect.stringMatching(/^view path:\/view, invalidated [\d.]+ s ago by expireView \(.*store\.test\.ts/),
        kept,
      },
    });
});

test('round trips are told, and the panel shows what is unseen, and the store with its servers', async () => {
  const site = await start();
  await report(site);
  expect((await report(site)).figures.roundTrips).toBeGreaterThan(0);
  const { text } = await site.get('/__cachesweeper');
  const unsure = text.slice(text.indexOf('<section id="unsure">'), text.indexOf('<section id="bumps">'));
  expect(unsure).toContain('page.njk:1');
  const store = text.slice(text.indexOf('<section id="store">'));
  expect(store).toContain(`servers.${memcached.address}`);
  expect(store).not.toContain('[object');
});
