import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Memcached } from '../support/memcached.ts';
import { DOCUMENT, type PanelSite, panelSite } from './site.ts';

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
};

/** A process of the site. */
async function start(): Promise<PanelSite> {
  const site = await panelSite('express', {
    templates,
    sweeper: { store: new MemcachedStore(memcached.address), namespace: 'panel' },
    context: () => ({ row: { id: 1, text: 'a row' }, hidden: () => new Map([[{}, () => 1]]).size }),
  });
  open.push(site);
  return site;
}

/** What the strip is given of a page, asked for as soon as the page is there. */
async function report(
  site: PanelSite,
): Promise<{ figures: { roundTrips: number }; fragments: { outcome: string; cause?: string }[] }> {
  const text = await (await fetch(`${site.url}/page`, { headers: DOCUMENT })).text();
  const address = /src="([^"]+)"/.exec(text)?.[1] as string;
  const script = await (await fetch(site.url + address, { headers: { 'Sec-Fetch-Site': 'same-origin' } })).text();
  await site.sweeper.idle();
  return JSON.parse(/\n}\)\((\{.*\}), \{.*\}\);\n$/.exec(script)?.[1] as string);
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
