import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HttpApi } from './api.ts';
import { clients } from './clients.ts';
import { ApiSite, PATHS } from './site.ts';

const api = new HttpApi();
beforeAll(() => api.start());
afterAll(() => api.stop());

const ITSELF = ['/articles/7', '/articles/7/comments', '/articles'];

describe.each(clients)('$name', (client) => {
  test('smoke', async () => {
    const site = new ApiSite(api, client);
    expect(await site.loaded()).toEqual([...PATHS].sort());
    expect(await site.loaded()).toEqual([]);
    await site.send('PUT', `${api.origin}/articles/7?plan=ok`);
    expect(await site.loaded()).toEqual([...ITSELF].sort());
    expect(await site.loaded()).toEqual([]);
  });
});
