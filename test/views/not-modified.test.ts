import type { ServerResponse } from 'node:http';
import compression from 'compression';
import { describe, expect, test } from 'vitest';
import { kinds } from '../frameworks/framework-suite.ts';
import { inTurn } from '../support/long.ts';
import { sites } from './running.ts';
import { frameworks, type Handler, startExpress, streamOf } from './sites.ts';

const without = () => ({});

describe.each(frameworks)('%s: a client that has the page already', (name, start) => {
  describe.each(inTurn(kinds, name))('%s', (_kind, kind) => {
    const running = sites(start, kind);

    test('gets 304 on a miss, too, and the page is stored', async () => {
      const { get, sweeper, reports } = await running([{ path: '/', handler: (call) => call.send('page') }]);
      const { etag = '' } = (await get('/')).headers;
      await sweeper.invalidateAll();
      const again = await get('/', { 'If-None-Match': `"x", ${etag}` });
      expect(again).toMatchObject({ status: 304, message: 'Not Modified', text: '', cache: 'miss', headers: { etag } });
      for (const name of ['content-type', 'content-length', 'transfer-encoding']) {
        expect(again.headers).not.toHaveProperty(name);
      }
      expect(await get('/')).toMatchObject({ status: 200, text: 'page', cache: 'hit', headers: { etag } });
      expect(reports.map(({ outcome, reason }) => [outcome, reason])).toEqual([
        ['miss', undefined],
        ['miss', undefined],
        ['hit', undefined],
      ]);
    });
  });

  const running = sites(start, without);

  test('and has another state of it: gets the whole page', async () => {
    let text = 'old';
    const { get, sweeper } = await running([{ path: '/', handler: (call) => call.send(text) }]);
    const { etag = '' } = (await get('/')).headers;
    text = 'new';
    await sweeper.invalidateAll();
    const again = await get('/', { 'If-None-Match': etag });
    expect(again).toMatchObject({ status: 200, text: 'new', headers: { 'content-length': '3' } });
  });

  test('gets 304 for a page that is not stored, by the tag of its handler', async () => {
    const handler: Handler = (call) => {
      call.set('Set-Cookie', 'visit=1');
      call.set('ETag', '"mine"');
      call.send('page');
    };
    const { get } = await running([{ path: '/', handler }]);
    expect(await get('/', { 'If-None-Match': 'W/"mine"' })).toMatchObject({
      status: 304,
      text: '',
      headers: { 'set-cookie': ['visit=1'], 'cache-control': 'private, no-cache' },
    });
    expect(await get('/', { 'If-None-Match': '"other"' })).toMatchObject({ status: 200, text: 'page' });
  });

  test('by its date, where it sends no tag', async () => {
    const date = new Date(Date.UTC(2020, 0)).toUTCString();
    const handler: Handler = (call) => {
      call.set('Last-Modified', date);
      call.send('page');
    };
    const { get, sweeper } = await running([{ path: '/', handler }]);
    expect(await get('/', { 'If-Modified-Since': date })).toMatchObject({ status: 304, text: '' });
    await sweeper.invalidateAll();
    const earlier = new Date(Date.UTC(2019, 0)).toUTCString();
    expect(await get('/', { 'If-Modified-Since': earlier })).toMatchObject({ status: 200, text: 'page' });
  });

  test('no other status becomes 304', async () => {
    const handler: Handler = (call) => {
      call.status(404);
      call.set('ETag', '"mine"');
      call.send('gone');
    };
    const { get } = await running([{ path: '/', handler, options: { statuses: [200, 404] } }]);
    for (let i = 0; i < 2; i++) {
      expect(await get('/', { 'If-None-Match': '"mine", *' })).toMatchObject({ status: 404, text: 'gone' });
    }
  });

  test('a stream is sent whole, because its tag is not known when its head goes', async () => {
    const { get, sweeper } = await running([{ path: '/', handler: (call) => call.stream(streamOf(['a', 'b'])) }]);
    await get('/');
    const { etag = '' } = (await get('/')).headers;
    await sweeper.invalidateAll();
    expect(await get('/', { 'If-None-Match': etag })).toMatchObject({ status: 200, text: 'ab' });
    expect(await get('/', { 'If-None-Match': etag })).toMatchObject({ status: 304, cache: 'hit' });
  });

  test('HEAD', async () => {
    const { get } = await running([{ path: '/', handler: (call) => call.send('page') }]);
    const { etag = '' } = (await get('/')).headers;
    expect(await get('/', { 'If-None-Match': etag }, 'HEAD')).toMatchObject({ status: 304, cache: 'hit' });
  });
});

describe('a 304 on a miss', () => {
  const inExpress = sites(startExpress, without);
  const text = 'Some words, again and again. '.repeat(100);

  test('Express: behind a compression, whose tag the client has', async () => {
    const { get, sweeper } = await inExpress([{ path: '/', handler: (call) => call.send(text) }], {
      express: (app) => void app.use(compression({ threshold: 0 })),
    });
    const gzip = { 'Accept-Encoding': 'gzip' };
    const { etag = '' } = (await get('/', gzip)).headers;
    expect(etag).toMatch(/\.gzip"$/);
    await sweeper.invalidateAll();
    const again = await get('/', { ...gzip, 'If-None-Match': etag });
    expect(again).toMatchObject({ status: 304, text: '', headers: { etag } });
    expect(again.headers).not.toHaveProperty('content-encoding');
    expect(await get('/')).toMatchObject({ cache: 'hit', text });
  });

  test('Express: with a head that was written by hand, message and length', async () => {
    const handler: Handler = (call) => {
      const { res } = call.request as { res: ServerResponse };
      res.writeHead(200, 'Fine', { ETag: '"mine"', 'Content-Length': 4 });
      res.end('page', () => calls++);
    };
    let calls = 0;
    const { get } = await inExpress([{ path: '/', handler }]);
    expect(await get('/', { 'If-None-Match': '"mine"' })).toMatchObject({
      status: 304,
      message: 'Not Modified',
      text: '',
    });
    expect(await get('/')).toMatchObject({ status: 200, text: 'page', cache: 'hit' });
    expect(calls).toBe(1);
  });
});
