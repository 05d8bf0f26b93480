import { afterEach, expect, test } from 'vitest';
import { DOCUMENT, type PanelSite, panelSite } from './site.ts';

const open: PanelSite[] = [];
afterEach(async () => {
  for (const site of open.splice(0)) await site.close();
});

test('of many visitors at once, those who may see the panel see their own page, and the others no trace of it', async () => {
  const site = await panelSite('express', {
    templates: {
      'page.njk':
        '<!doctype html><body>{% cachesweeper row 500 who type="Row" %}<p>{{ who }}</p>{% endcachesweeper %}</body>',
    },
    context: ({ query }) => ({ row: { id: 1 }, who: query.get('who') }),
    panel: { authorize: async ({ headers }: { headers: Record<string, unknown> }) => headers['x-staff'] === 'yes' },
  });
  open.push(site);
  const staff = { 'X-Staff': 'yes' };
  const visit = async (i: number) => {
    const headers = i % 2 === 0 ? { ...staff, Cookie: 'cachesweeper-panel=marks' } : {};
    const { text } = await site.get(`/page?who=visitor${i}`, { ...DOCUMENT, ...headers });
    const address = /<script src="([^"]+)" async><\/script>/.exec(text);
    const html = text.replace(address?.[0] ?? '', '');
    if (i % 2 !== 0) return [html];
    const { text: script } = await site.get(address?.[1] ?? 'no strip', staff);
    const keys = [...script.matchAll(/"keys":"\[\\"(visitor\d+)\\"\]"/g)].map(([, who]) => who);
    return [html.replace(/<!--\/?cs:\w{24}:0-->/g, ''), ...keys];
  };
  const visitors = Array.from({ length: 40 }, (_, i) => i);
  const seen = await Promise.all(visitors.map(visit));
  expect(seen).toEqual(
    visitors.map((i) => [`<!doctype html><body><p>visitor${i}</p></body>`, ...(i % 2 === 0 ? [`visitor${i}`] : [])]),
  );
});
