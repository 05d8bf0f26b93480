import { createHmac } from 'node:crypto';
import hapi from '@hapi/hapi';
import Router from '@koa/router';
import express from 'express';
import { fastify } from 'fastify';
import Koa from 'koa';
import { CacheSweeper, type CacheSweeperOptions } from 'nunjucks-cachesweeper';
import { type Webhook, type WebhookOptions, type WebhookRequest, webhook } from 'nunjucks-cachesweeper/http';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { type Site, serve } from '../frameworks/framework-suite.ts';

const SECRET = 'a secret of enough characters';
const models = ({ type, id }: Readonly<Record<string, unknown>>) => ({ type, id });

/** How a body is signed by Standard Webhooks. */
function signed(
  body: string | Buffer,
  {
    id = `msg_${Math.random()}`,
    time = Date.now(),
    secret = SECRET,
  }: { id?: string; time?: number; secret?: string } = {},
): Record<string, string> {
  const seconds = String(Math.floor(time / 1_000));
  const signature = createHmac('sha256', secret).update(`${id}.${seconds}.`).update(body).digest('base64');
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': seconds,
    'webhook-signature': `v1,${signature}`,
  };
}

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function receiver(options: Partial<WebhookOptions> = {}, more: CacheSweeperOptions = {}) {
  const bumped: string[] = [];
  const errors: unknown[] = [];
  const sweeper = new CacheSweeper({
    onBump: (names) => void bumped.push(...names),
    onError: (error) => errors.push(error),
    ...more,
  });
  closing.push(() => sweeper.close());
  return { sweeper, bumped, errors, hook: webhook(sweeper, { secret: SECRET, models, ...options }) };
}

const frameworks: readonly (readonly [string, (hook: Webhook) => Promise<Site>])[] = [
  ['Express', async (hook) => serve(express().post('/hooks/cms', hook.express))],
  [
    'Express, whose parser keeps the body',
    async (hook) =>
      serve(
        express()
          .use(express.raw({ type: () => true }))
          .post('/hooks/cms', hook.express),
      ),
  ],
  ['Node', async (hook) => serve(hook.express)],
  [
    'Koa',
    async (hook) =>
      serve(new Koa().use(new Router().post('/hooks/cms', hook.koa).routes() as Koa.Middleware).callback()),
  ],
  [
    'Fastify',
    async (hook) => {
      const app = fastify();
      await app.register(hook.fastify, { url: '/hooks/cms' });
      app.post('/other', async ({ body }) => body);
      return { url: await app.listen({ port: 0, host: '127.0.0.1' }), close: () => app.close() };
    },
  ],
  [
    'hapi',
    async (hook) => {
      const server = hapi.server({ port: 0, host: '127.0.0.1' });
      server.route(hook.hapi('/hooks/cms') as hapi.ServerRoute);
      await server.start();
      return { url: server.info.uri, close: () => server.stop() };
    },
  ],
];

describe.each(frameworks)('%s', (_, start) => {
  test('a signed request invalidates what it names, and others do not', async () => {
    const { hook, bumped } = receiver({ maxBytes: 1_000 });
    const site = await start(hook);
    closing.push(() => site.close());
    const post = async (body: string, headers: Record<string, string>) => {
      const response = await fetch(`${site.url}/hooks/cms`, { method: 'POST', body, headers });
      return [response.status, await response.text()] as const;
    };
    const body = JSON.stringify({ type: 'Article', id: 7, title: 'é' });
    const headers = signed(body);
    expect(await post(body.replace('7', '8'), headers)).toEqual([401, 'no signature of it']);
    expect(bumped).toEqual([]);
    expect(await post(body, headers)).toEqual([204, '']);
    expect(bumped).toEqual(['Article:=7', 'Article:*']);
    expect(await post(body, headers)).toEqual([409, 'it was received before']);
    expect((await post('no json', signed('no json')))[0]).toBe(400);
    const large = JSON.stringify('x'.repeat(2_000));
    expect((await post(large, signed(large)))[0]).toBe(413);
    expect(bumped).toHaveLength(2);
  });
});

test('parsers of other routes of Fastify are as they were', async () => {
  const [, start] = frameworks.find(([name]) => name === 'Fastify')!;
  const site = await start(receiver().hook);
  closing.push(() => site.close());
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${site.url}/other`, { method: 'POST', body: '{"a":1}', headers });
  expect(await response.json()).toEqual({ a: 1 });
});

test('a body that was parsed before cannot be judged, and the error says what to do', async () => {
  const { hook, errors } = receiver();
  const site = await serve(express().use(express.json()).post('/hooks/cms', hook.express));
  closing.push(() => site.close());
  const response = await fetch(`${site.url}/hooks/cms`, { method: 'POST', body: '{}', headers: signed('{}') });
  expect(response.status).toBe(500);
  expect(errors).toMatchObject([
    { code: 'CACHESWEEPER_WEBHOOK', message: expect.stringContaining('before the parser') },
  ]);
});

/** Passes a request to a hook without a server. */
function ask(hook: Webhook, body: string, headers: Record<string, string>, path = '/') {
  return hook.receive({ method: 'POST', path, headers, body: Buffer.from(body) });
}

describe('a request', () => {
  const body = JSON.stringify({ type: 'Article', id: 7 });

  test('counts for five minutes before and after it was sent', async () => {
    const { hook } = receiver();
    const status = async (time: number) => (await ask(hook, body, signed(body, { time: Date.now() + time }))).status;
    for (const time of [0, -290_000, 290_000]) expect(await status(time)).toBe(204);
    for (const time of [-310_000, 310_000]) expect(await status(time)).toBe(401);
    expect((await ask(hook, body, { ...signed(body), 'webhook-timestamp': 'soon' })).status).toBe(401);
  });

  test('is signed by any of the secrets, and by one of several signatures', async () => {
    const other = 'another secret of enough characters';
    const { hook } = receiver({ secret: [SECRET, other] });
    expect((await ask(hook, body, signed(body, { secret: other }))).status).toBe(204);
    const headers = signed(body);
    headers['webhook-signature'] = `v1,${Buffer.alloc(32).toString('base64')} v1a,x ${headers['webhook-signature']}`;
    expect((await ask(hook, body, headers)).status).toBe(204);
    expect((await ask(hook, body, signed(body, { secret: 'a third secret of enough characters' }))).status).toBe(401);
  });

  test.each([
    ['no signature', {}],
    ['another one', { 'webhook-signature': 'v1,AAAA' }],
    ['a very long one', { 'webhook-signature': 'v1,AAAA '.repeat(100_000) }],
  ])('with %s is refused', async (_, headers) => {
    const { hook } = receiver();
    const all = { ...signed(body), 'webhook-signature': '', ...headers };
    expect((await ask(hook, body, all)).status).toBe(401);
  });

  test('that says the same twice in one second counts twice', async () => {
    const { hook, bumped } = receiver();
    const time = Date.now();
    for (const id of ['a', 'b']) expect((await ask(hook, body, signed(body, { id, time }))).status).toBe(204);
    expect(bumped).toHaveLength(4);
  });

  test('whose bump fails is refused, and counts when it is sent again', async () => {
    const store = new TestingStore();
    const { hook, errors } = receiver({}, { store });
    const headers = signed(body);
    store.script = ({ method, kind }) =>
      method !== 'getMany' && kind === 'token' ? { outcome: 'unknown' } : undefined;
    expect((await ask(hook, body, headers)).status).toBe(503);
    expect(errors).toMatchObject([{ code: 'CACHESWEEPER_BUMP_FAILED' }]);
    store.script = undefined;
    expect((await ask(hook, body, headers)).status).toBe(204);
  });

  test('for which the scheme of the site fails is not signed, and the error is reported', async () => {
    const scheme = {
      signature: 'x-signature',
      signed: ({ headers }: WebhookRequest) => headers['x-nonce']!.padEnd(8),
    };
    const { hook, errors } = receiver({ scheme });
    expect(await ask(hook, body, {})).toEqual({ status: 401, text: 'no signature of it' });
    expect(errors).toMatchObject([{ name: 'TypeError' }]);
  });

  test('for which models names a url that is none of HTTP is refused', async () => {
    const { hook, errors, bumped } = receiver({ models: () => [new URL('mailto:a@b.example')] });
    expect((await ask(hook, body, signed(body))).status).toBe(500);
    expect(errors).toMatchObject([{ code: 'CACHESWEEPER_BAD_OPTION' }]);
    expect(bumped).toEqual([]);
  });

  test('for which models fails is answered without a word of why', async () => {
    const fails = () => {
      throw new Error(`not with ${SECRET}`);
    };
    const { hook, errors } = receiver({ models: fails });
    expect(await ask(hook, body, signed(body))).toEqual({ status: 500, text: 'it could not be carried out' });
    expect(errors).toHaveLength(1);
  });

  test('invalidates nothing, several models, and urls as if they had been written', async () => {
    for (const [returned, names] of [
      [undefined, []],
      [[], []],
      [
        ['Article', { type: 'Tag', id: 1 }],
        ['Article', 'Tag:=1', 'Tag:*'],
      ],
      [
        new URL('https://api.example/articles/7?x=1'),
        ['GET%0020https%003a//api.example:=/articles/7/**', 'GET%0020https%003a//api.example:=/articles'],
      ],
    ] as const) {
      const { hook, bumped } = receiver({ models: async () => returned });
      expect((await ask(hook, body, signed(body))).status).toBe(204);
      expect(bumped.sort()).toEqual([...names].sort());
    }
  });

  test('other than POST is refused', async () => {
    const { hook } = receiver();
    expect((await hook.receive({ method: 'GET', path: '/', headers: {}, body: Buffer.alloc(0) })).status).toBe(405);
  });
});

describe('a scheme', () => {
  test('standard takes the keys of Svix', async () => {
    const body = '{"test": 2432232314}';
    const { hook } = receiver(
      { secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', models: () => undefined },
      { now: () => 1_614_265_330_000 },
    );
    const headers = {
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    };
    expect((await ask(hook, body, headers)).status).toBe(204);
  });

  test('github signs the body, so that a replay counts', async () => {
    const { hook, bumped } = receiver({ scheme: 'github' });
    const body = JSON.stringify({ type: 'Article', id: 7 });
    const signature = createHmac('sha256', SECRET).update(body).digest('hex');
    for (let i = 0; i < 2; i++) {
      expect((await ask(hook, body, { 'x-hub-signature-256': `sha256=${signature}` })).status).toBe(204);
    }
    expect(bumped).toHaveLength(4);
    expect((await ask(hook, `${body} `, { 'x-hub-signature-256': `sha256=${signature}` })).status).toBe(401);
  });

  test('contentful signs method, path and headers as well', async () => {
    const { hook } = receiver({ scheme: 'contentful' });
    const body = JSON.stringify({ type: 'Article', id: 7 });
    const made = (path: string, names: string) => {
      const headers: Record<string, string> = {
        'x-contentful-timestamp': String(Date.now()),
        'x-contentful-topic': 'ContentManagement.Entry.publish',
        'x-contentful-signed-headers': names,
      };
      const lines = names.split(',').map((name) => `${name}:${headers[name]}`);
      const text = ['POST', path, lines.join(';'), body].join('\n');
      return { ...headers, 'x-contentful-signature': createHmac('sha256', SECRET).update(text).digest('hex') };
    };
    const names = 'x-contentful-signed-headers,x-contentful-timestamp,x-contentful-topic';
    expect((await ask(hook, body, made('/cms?a=1', names), '/cms?a=1')).status).toBe(204);
    expect((await ask(hook, body, made('/cms', names), '/other')).status).toBe(401);
    // Nothing of it would tell when it was sent.
    expect((await ask(hook, body, made('/cms', 'x-contentful-topic'), '/cms')).status).toBe(401);
  });

  test('token compares what it sends as Authorization', async () => {
    const { hook, bumped } = receiver({ scheme: 'token' });
    const body = JSON.stringify({ type: 'Article', id: 7 });
    for (const authorization of ['', 'Bearer', 'Bearer x', `Bearer ${SECRET}x`])
      expect((await ask(hook, body, { authorization })).status).toBe(401);
    expect((await ask(hook, body, {})).status).toBe(401);
    expect(bumped).toEqual([]);
    expect((await ask(hook, body, { authorization: `Bearer ${SECRET}` })).status).toBe(204);
  });

  test('of one’s own says what is signed', async () => {
    const { hook } = receiver({
      models: () => undefined,
      scheme: {
        signature: 'X-Signed',
        timestamp: 'X-Sent',
        signed: ({ headers, body }) => `${headers['x-sent']}${body}`,
      },
    });
    const sent = new Date().toISOString();
    const signature = createHmac('sha256', SECRET).update(`${sent}{}`).digest('base64url');
    expect((await ask(hook, '{}', { 'x-signed': signature, 'x-sent': sent })).status).toBe(204);
    expect((await ask(hook, '[]', { 'x-signed': signature, 'x-sent': sent })).status).toBe(401);
  });
});

test.each([
  [{ secret: 'short', models }, 'secret'],
  [{ secret: [], models }, 'secret'],
  [{ secret: SECRET }, 'models'],
  [{ secret: SECRET, models, scheme: 'md5' }, 'scheme'],
  [{ secret: SECRET, models, scheme: { signature: 'x' } }, 'scheme'],
  [{ secret: SECRET, models, tolerance: 5 }, 'tolerance'],
  [{ secret: SECRET, models, maxBytes: 0 }, 'maxBytes'],
  [{ secret: SECRET, models, secrets: [] }, 'secrets'],
])('wrong options are refused, and no secret is shown: %j', (options, name) => {
  const made = () => webhook(new CacheSweeper(), options as never);
  expect(made).toThrow(
    expect.objectContaining({ code: 'CACHESWEEPER_BAD_OPTION', message: expect.stringContaining(name) }),
  );
  expect(made).not.toThrow(/short|enough characters/);
});
