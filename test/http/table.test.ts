import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isDeep } from '../support/long.ts';
import { HttpApi } from './api.ts';
import { clients, type Send } from './clients.ts';
import { ApiSite, PATHS } from './site.ts';
import { rowsOf } from './tables.ts';

const api = new HttpApi();
beforeAll(() => api.start());
afterAll(() => api.stop());

/** How each of what happens in the table is made to happen. */
const HAPPENINGS: Readonly<Record<string, string>> = {
  '200': 'ok',
  '202': 'accepted',
  '204': 'empty',
  '201, with Location: /articles/9': 'created',
  '200, with Content-Location: /tags/3': 'elsewhere',
  '201, with a Location of another origin': 'foreign',
  '200, with Cache-Group-Invalidation of the group that /tags/3 has': 'groups',
  '303 to /articles/8, then 200': 'seen',
  '303 to what is not there, then 404': 'lost',
  '307 to /tags/3, then 200': 'moved',
  '404': 'missing',
  '408, and it was carried out': 'slow',
  '409': 'conflict',
  '410': 'gone',
  '412': 'outdated',
  '422': 'invalid',
  '500, and it was carried out': 'broken',
  'no answer: the connection was lost': 'cut',
  'no answer: the client has aborted it': 'hangs',
  '503, and 404 when the client repeats it': 'flaky',
};

const rows = rowsOf('What is invalidated');
const REPEATED = 'flaky';

/** Sends a request, and aborts it when the API has it if it would hang. */
async function perform(send: Send, method: string, url: string): Promise<void> {
  const controller = new AbortController();
  api.before = () => {
    if (url.includes('hangs')) setTimeout(() => controller.abort(), 5);
  };
  await send(method, url, { signal: controller.signal }).catch(() => {});
  api.before = () => {};
}

test('the table has a row for everything that can happen', () => {
  expect(new Set(rows.map(({ happens }) => happens))).toEqual(new Set(Object.keys(HAPPENINGS)));
});

/** Every day each row is tried with one client in turn, beside `fetch`. */
const rowsFor = (client: number) =>
  rows.filter((_, row) => isDeep || client === 0 || row % (clients.length - 1) === client - 1);

describe.each(clients.map((client, i) => ({ ...client, i })))('$name: what is invalidated', (client) => {
  test.each(rowsFor(client.i))('$title', async ({ method, path, happens, invalidated }) => {
    const plan = HAPPENINGS[happens];
    if (plan === REPEATED && !client.repeats) return;
    const site = new ApiSite(api, client);
    api.groupsOf = (read) => (read === '/tags/3' ? ['tags'] : []);
    expect(await site.loaded()).toEqual([...PATHS].sort());
    expect(await site.loaded()).toEqual([]);
    await perform(site.send, method, `${api.origin}${path}?plan=${plan}&of=${client.name}`);
    // What is written in the millisecond of the request may have been written after it.
    await sleep(2);
    expect(await site.loaded()).toEqual(invalidated);
    expect(await site.loaded()).toEqual([]);
  });
});
