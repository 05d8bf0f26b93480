import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { outside } from './outside.ts';
import { sites } from './running.ts';
import { allFrameworks } from './sites.ts';

describe.each(allFrameworks)('%s: headers that middleware sets for some requests', (framework, start) => {
  const running = sites(start, () => ({}));
  /** Middleware that sets a header to what the request says, if it says anything. */
  const setting = (name: string, otherwise?: string) =>
    outside(({ headers, rawResponse }) => {
      const value = headers['x-set'] ?? otherwise;
      if (value !== undefined) (rawResponse as unknown as ServerResponse).setHeader(name, value);
    });

  test('one that the handler sets as well is the handler’s on hits, also if both said the same when the view was made', async () => {
    const handler = (call: { set(name: string, value: string): void; send(body: string): void }) => {
      call.set('X-Theme', 'light');
      call.send('page');
    };
    const { get } = await running([{ path: '/', handler }], setting('X-Theme', 'light'));
    for (const set of [undefined, 'dark', 'light', 'dark']) {
      const { headers } = await get('/', set === undefined ? {} : { 'X-Set': set });
      expect(headers['x-theme']).toBe('light');
    }
    expect((await get('/')).cache).toBe('hit');
    expect((await get('/', { 'X-Set': 'dark' })).cache).toBe('hit');
  });

  // hapi's own default takes the place of what is on Node's response.
  test.skipIf(framework === 'hapi')(
    'their Cache-Control stays with its request: others have that of the options',
    async () => {
      const { get } = await running(
        [{ path: '/', handler: (call) => call.send('page'), options: { cacheControl: 'max-age=7' } }],
        setting('Cache-Control'),
      );
      const own = { 'X-Set': 'max-age=50' };
      expect(await get('/', own)).toMatchObject({ cache: 'miss', headers: { 'cache-control': 'max-age=50' } });
      expect(await get('/')).toMatchObject({ cache: 'hit', headers: { 'cache-control': 'max-age=7' } });
      expect(await get('/', own)).toMatchObject({ cache: 'hit', headers: { 'cache-control': 'max-age=50' } });
      const { etag = '' } = (await get('/')).headers;
      const again = await get('/', { 'If-None-Match': etag });
      expect(again).toMatchObject({ status: 304, headers: { 'cache-control': 'max-age=7' } });
    },
  );
});
