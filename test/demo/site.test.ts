import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunningDemo } from './running-demo.ts';

describe('the demo’s pages', () => {
  let demo: RunningDemo;
  beforeAll(async () => {
    demo = await RunningDemo.start();
  });
  afterAll(() => demo?.stop());

  const get = (path: string) => fetch(demo.url + path, { redirect: 'manual' });
  const post = (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
    fetch(demo.url + path, { method: 'POST', body: new URLSearchParams(fields), headers, redirect: 'manual' });

  it.each([
    ['/', 200],
    ['/?uncached=1', 200],
    ['/articles/1', 200],
    ['/articles/24?uncached=1', 200],
    ['/compare', 200],
    ['/compare?path=/articles/3', 200],
    ['/site.css', 200],
    ['/icons.svg', 200],
    ['/nowhere', 404],
    ['/articles/25', 404],
    ['/articles/0', 404],
    ['/articles/3x', 404],
    ['/articles/%00', 404],
    ['/articles/99999999999999999999', 404],
    ['/articles/%', 400],
    ['/compare?path=//elsewhere.example', 404],
    ['/compare?path=/%5Celsewhere.example', 404],
    ['/compare?path=https://elsewhere.example', 404],
    ['/compare?path=/compare', 404],
    ['/comments/1/votes', 404],
  ])('GET %s answers %i', async (path, status) => {
    const response = await get(path);
    expect(response.status).toBe(status);
    await response.text();
  });

  it('has a page for what does not exist, with the way back', async () => {
    const html = await (await get('/nowhere')).text();
    expect(html).toContain('<h1>There is nothing here</h1>');
    expect(html).toContain('href="/"');
    expect(html).toContain('class="strip"');
  });

  it('puts the strip in place of its mark, in every page', async () => {
    for (const path of ['/', '/articles/2', '/nowhere']) {
      const html = await (await get(path)).text();
      expect(html).not.toContain('<!-- strip -->');
      expect(html.match(/class="strip"/g)).toHaveLength(1);
    }
  });

  it('keeps one page for all visitors who are logged in, with each one’s own in it', async () => {
    const pageOf = async (path: string, cookie: string) => {
      const answer = await fetch(demo.url + path, { headers: { cookie } });
      return { cache: answer.headers.get('x-cache'), html: await answer.text() };
    };
    const logIn = async (name: string) => {
      const { headers } = await post('/login', { name });
      return (headers.getSetCookie()[0] ?? '').split(';')[0] as string;
    };
    const [ann, bob] = [await logIn('Ann'), await logIn('Bob')];
    const tokens = new Set<string>();
    for (const path of ['/', '/articles/3']) {
      await pageOf(path, ann);
      for (const [cookie, name] of [
        [bob, 'Bob'],
        [ann, 'Ann'],
      ] as const) {
        const { cache, html } = await pageOf(path, cookie);
        expect(cache).toBe('hit');
        expect(html).toContain(`Hello, <b>${name}</b>`);
        const own = new Set([...html.matchAll(/name="_csrf" value="([^"]+)"/g)].map(([, token]) => token as string));
        expect(own.size).toBe(1);
        for (const token of own) tokens.add(token);
      }
    }
    expect(tokens.size).toBe(2);
  });

  it('takes a form of a visitor who is logged in only with their own token', async () => {
    const { headers } = await post('/login', { name: 'Cleo' });
    const cookie = (headers.getSetCookie()[0] ?? '').split(';')[0] as string;
    const html = await (await fetch(`${demo.url}/articles/4`, { headers: { cookie } })).text();
    const [, comment, token = ''] = /id="comment-(\d+)"[\s\S]*?name="_csrf" value="([^"]+)"/.exec(html) ?? [];
    const vote = (fields: Record<string, string>) =>
      post(`/comments/${comment}/votes`, { kind: 'like', ...fields }, { cookie });
    expect((await vote({})).status).toBe(403);
    expect((await vote({ _csrf: token.replace(/^./, (first) => (first === 'a' ? 'b' : 'a')) })).status).toBe(403);
    expect((await vote({ _csrf: token })).status).toBe(303);
  });

  it('keeps the figures of pages apart that are made at the same time', async () => {
    const paths = Array.from({ length: 24 }, (_, index) => `/articles/${index + 1}?uncached=1`);
    const pages = await Promise.all(paths.map(async (path) => (await get(path)).text()));
    for (const html of pages) {
      const comments = html.match(/<article class="comment /g)?.length ?? 0;
      expect(html).toContain(`data-hit="0" data-miss="0" data-uncached="${comments + 3}" data-queries="2"`);
    }
  });

  it('answers a vote by leading back to the comment', async () => {
    const response = await post('/comments/5/votes', { kind: 'dislike' });
    expect(response.status).toBe(303);
    expect(response.headers.get('location')).toBe('/articles/1#comment-5');
  });

  it('leads back to the uncached page where the vote came from one', async () => {
    const referer = `${demo.url}/articles/1?uncached=1`;
    const response = await post('/comments/5/votes', { kind: 'like' }, { referer });
    expect(response.headers.get('location')).toBe('/articles/1?uncached=1#comment-5');
  });

  it('counts every one of many votes that come together', async () => {
    const likes = async () => {
      const html = await (await get('/articles/2')).text();
      const [, id, number] = /id="comment-(\d+)"[\s\S]*?class="likes">(\d+)</.exec(html) ?? [];
      return { id, number: Number(number) };
    };
    const before = await likes();
    await Promise.all(Array.from({ length: 20 }, () => post(`/comments/${before.id}/votes`, { kind: 'like' })));
    expect(await likes()).toEqual({ id: before.id, number: before.number + 20 });
  });

  it.each([
    ['/comments/5/votes', { kind: 'shrug' }, 400],
    ['/comments/5/votes', {}, 400],
    ['/comments/999999/votes', { kind: 'like' }, 404],
    ['/articles/999/comments', { name: 'Ann', text: 'Hello' }, 404],
    ['/articles/999/comments', { name: '', text: '' }, 404],
    ['/articles/4/comments', { name: 'Ann', text: 'x'.repeat(40_000) }, 413],
  ])('POST %s with %o answers %i', async (path, fields, status) => {
    const response = await post(path, fields);
    expect(response.status).toBe(status);
    expect(await response.text()).toContain('</html>');
  });

  it.each([
    [{ name: ' ', text: 'A comment' }, 'Please tell us your name'],
    [{ name: 'Ann', text: ' \n ' }, 'Please write something'],
    [{ text: 'A comment' }, 'Please tell us your name'],
    [{ name: 'A'.repeat(41), text: 'A comment' }, 'Your name has 41 characters, and there is room for 40.'],
    [{ name: 'Ann', text: 'é'.repeat(2_001) }, 'Your comment has 2,001 characters, and there is room for 2,000.'],
  ])('says what is missing in %o and keeps what was typed', async (fields, message) => {
    const response = await post('/articles/4/comments', fields);
    expect(response.status).toBe(422);
    const html = await response.text();
    expect(html).toContain(message);
    expect(html).toContain('aria-invalid="true"');
    expect(html).toContain('Ordinary Matters');
    for (const typed of Object.values(fields)) expect(html).toContain(typed.trim());
  });

  it('escapes what was typed, in the form and in the page', async () => {
    const form = await (await post('/articles/4/comments', { name: '"><i>Ann', text: '' })).text();
    expect(form).toContain('value="&quot;&gt;&lt;i&gt;Ann"');
    const sent = await post('/articles/4/comments', { name: '<i>Ann</i>', text: '<!-- strip -->`<b>`' });
    const page = await (await get(sent.headers.get('location') as string)).text();
    expect(page).toContain('<h3>&lt;i&gt;Ann&lt;/i&gt;</h3>');
    expect(page).toContain('&lt;!-- strip --&gt;<code>&lt;b&gt;</code>');
  });
});

describe('the demo as a process', () => {
  it('stops cleanly on SIGTERM', async () => {
    const demo = await RunningDemo.start();
    await (await fetch(demo.url)).text(); // leaves a connection open, as browsers do
    expect(await demo.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  it('takes another port when its own is taken and none was asked for, and stops cleanly on SIGINT', async () => {
    // Where something else already holds port 3000, that is as good.
    const holder = createServer();
    holder.on('error', () => undefined).listen(3000, 'localhost');
    await Promise.race([
      once(holder, 'listening'),
      once(holder, 'close'),
      once(holder, 'error').catch(() => undefined),
    ]);
    const demo = await RunningDemo.start({ port: undefined });
    try {
      expect(demo.url).not.toBe('http://localhost:3000');
      expect((await fetch(demo.url)).status).toBe(200);
    } finally {
      const ending = await demo.stop('SIGINT');
      holder.close();
      expect(ending).toEqual({ code: 0, signal: null });
    }
  });

  it('gives up, and says so, when the port it was given is taken or is not one', async () => {
    const holder = createServer().listen(0, 'localhost');
    await once(holder, 'listening');
    const port = String((holder.address() as AddressInfo).port);
    const taken = await RunningDemo.failToStart(port);
    holder.close();
    expect(taken).toMatchObject({ code: 1, output: expect.stringContaining(`Port ${port} is taken`) });
    const wrong = await RunningDemo.failToStart('http');
    expect(wrong).toMatchObject({ code: 1, output: expect.stringContaining('but got: http') });
  });
});
