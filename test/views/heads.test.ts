import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { sites } from './running.ts';
import { type Handler, startExpress } from './sites.ts';

const without = () => ({});

describe('Express: heads in all ways that Node knows', () => {
  const running = sites(startExpress, without);
  const raw = (write: (res: ServerResponse) => void): Handler => {
    return (call) => write((call.request as { res: ServerResponse }).res);
  };

  test.each([
    ['no message', (res: ServerResponse) => res.writeHead(200, undefined, { 'X-One': '1' }).end('x')],
    ['a message', (res: ServerResponse) => res.writeHead(200, 'Fine', { 'X-One': '1' }).end('x')],
    ['a flat list', (res: ServerResponse) => res.writeHead(200, ['X-One', '1']).end('x')],
  ])('writeHead with %s and headers', async (_how, write) => {
    const { get } = await running([{ path: '/', handler: raw(write) }]);
    for (const cache of ['miss', 'hit']) expect(await get('/')).toMatchObject({ cache, headers: { 'x-one': '1' } });
  });

  test('whoever waits for the head inside is asked once', async () => {
    const { get } = await running([{ path: '/', handler: (call) => call.send('x') }], {
      expressInside: (_req, res, next) => {
        const { writeHead } = res;
        res.writeHead = function asked(this: typeof res, ...args: never[]) {
          this.appendHeader('X-Asked', 'once');
          return (writeHead as (...args: never[]) => typeof res).apply(this, args);
        } as typeof res.writeHead;
        next();
      },
    });
    for (const cache of ['miss', 'hit'])
      expect(await get('/')).toMatchObject({ cache, headers: { 'x-asked': 'once' } });
  });

  test('after writeHead the head counts as sent', async () => {
    let said: unknown;
    const { get } = await running([
      {
        path: '/',
        handler: raw((res) => {
          res.writeHead(200);
          said = res.headersSent;
          res.end('x');
        }),
      },
    ]);
    await get('/');
    expect(said).toBe(true);
  });

  test('early hints go out before the page', async () => {
    const { get } = await running([
      {
        path: '/',
        handler: raw((res) => {
          res.writeEarlyHints({ link: '</a.css>; rel=preload; as=style' });
          res.end('x');
        }),
      },
    ]);
    for (const cache of ['miss', 'hit']) expect(await get('/')).toMatchObject({ cache, status: 200, text: 'x' });
  });
});
