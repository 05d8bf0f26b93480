import { once } from 'node:events';
import { connect, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import Koa from 'koa';
import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { panel } from 'nunjucks-cachesweeper/panel';
import { afterEach, expect, test } from 'vitest';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function start(): Promise<(path: string, headers: Record<string, string>) => Promise<Record<string, unknown>>> {
  const sweeper = new CacheSweeper();
  const env = sweeper.install(new nunjucks.Environment(null));
  const template = new nunjucks.Template(
    '<!doctype html><body>{% cachesweeper row 500 type="Row" %}<p>{{ row.text }}</p>{% endcachesweeper %}</body>',
    env,
  );
  const app = new Koa();
  app.use(panel(sweeper).koa);
  app.use((context) => {
    context.body = template.render({ row: { id: 1, text: 'ä' } });
  });
  const server = createServer(app.callback()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  closing.push(
    () => client.close(),
    () => server.close(),
  );
  return async (path, headers) => {
    const stream = client.request({ ':path': path, ...headers });
    stream.end();
    const [answered] = (await once(stream, 'response')) as [Record<string, unknown>];
    stream.setEncoding('utf8');
    let text = '';
    for await (const chunk of stream) text += chunk;
    return { ...answered, text };
  };
}

test('over HTTP/2 pages have the strip and marks, and the panel answers, without a warning', async () => {
  const warnings: string[] = [];
  const warned = (warning: Error) => void warnings.push(warning.name);
  process.on('warning', warned);
  closing.push(() => process.off('warning', warned));
  const ask = await start();
  const page = await ask('/page', { 'sec-fetch-dest': 'document', cookie: 'cachesweeper-panel=marks' });
  expect(page.text).toMatch(
    /^<!doctype html><body><!--cs:(\w+):0--><p>ä<\/p><!--\/cs:\1:0--><script src="\/__cachesweeper\/strip\/\w+\.js" async><\/script><\/body>$/,
  );
  expect(page).toMatchObject({
    ':status': 200,
    'cache-control': 'no-store',
    'content-length': String(Buffer.byteLength(page.text as string)),
  });
  const uncached = await ask('/page', { 'sec-fetch-dest': 'document', cookie: 'cachesweeper-panel=uncached' });
  expect(uncached['set-cookie']).toEqual(['cachesweeper-panel=; Path=/; Max-Age=0; SameSite=Strict']);
  expect((await ask('/page', { accept: '*/*' })).text).toBe('<!doctype html><body><p>ä</p></body>');
  expect((await ask('/__cachesweeper', {})).text).toContain('<title>Cache</title>');
  expect(warnings).toEqual([]);
});
