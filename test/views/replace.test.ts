import type { IncomingMessage, ServerResponse } from 'node:http';
import { gunzipSync, gzipSync } from 'node:zlib';
import fastifyCompress from '@fastify/compress';
import compression from 'compression';
import express, { type Request, type Response } from 'express';
import koaCompress from 'koa-compress';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import * as forExpress from 'nunjucks-cachesweeper/express';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Site, serve } from '../frameworks/framework-suite.ts';
import { Memcached } from '../support/memcached.ts';
import { Clock } from '../waiting/support.ts';
import { ask } from './client.ts';
import { sites } from './running.ts';
import {
  allFrameworks,
  type Call,
  frameworks,
  type Handler,
  type Plan,
  type Route,
  startExpress,
  startFastify,
  startHapi,
  startKoa,
  streamOf,
} from './sites.ts';

type Values = Record<string, unknown>;

/** What a visitor brings: who it is, and the values that middleware leaves for it. */
const visitor = (name: string, more: Record<string, string> = {}) => ({ 'X-Visitor': name, ...more });
const csrfOf = (name: string) => `csrf-${name}-0123456789abcdef`;

/** Middleware that finds the visitor's token and makes a nonce for each request, and leaves both for templates. */
function tokens(values: (name: string, nonce: string) => Values = (name, nonce) => ({ csrf: csrfOf(name), nonce })) {
  let made = 0;
  const leave = (name: unknown, set: (policy: string) => void): Values => {
    made += 1;
    const nonce = `nonce+number/${String(made).padStart(6, '0')}==`;
    set(`script-src 'self' 'nonce-${nonce}'`);
    return values(String(name), nonce);
  };
  const plan: Partial<Plan> = {
    express: (app) => {
      app.use((req, res, next) => {
        Object.assign(
          res.locals,
          leave(req.get('x-visitor'), (policy) => res.set('Content-Security-Policy', policy)),
        );
        next();
      });
    },
    fastify: (app) => {
      app.addHook('onRequest', async (request, reply) => {
        const found = leave(request.headers['x-visitor'], (policy) => reply.header('Content-Security-Policy', policy));
        (reply as { locals?: Values }).locals = found;
      });
    },
    hapi: (server) => {
      server.ext('onRequest', ({ raw, headers, app }, h) => {
        const found = leave(headers['x-visitor'], (policy) => raw.res.setHeader('Content-Security-Policy', policy));
        Object.assign(app, found);
        return h.continue;
      });
    },
    koa: (app) => {
      app.use((ctx, next) => {
        Object.assign(
          ctx.state,
          leave(ctx.get('x-visitor'), (policy) => ctx.set('Content-Security-Policy', policy)),
        );
        return next();
      });
    },
  };
  return plan;
}

/** Variables of a request, from what the option `replace` is given in each framework. */
function localsOf(request: unknown, response: unknown): Values {
  const { state, app, server } = request as { state?: Values; app?: Values; server?: unknown };
  if (server !== undefined && typeof (request as { setUrl?: unknown }).setUrl === 'function') return app ?? {};
  return (response as { locals?: Values }).locals ?? state ?? {};
}

const replace = (request: unknown, response: unknown) => {
  const { csrf, nonce } = localsOf(request, response);
  return { csrf, nonce };
};

/** A page with a form and a script, and how often its handler ran. */
function formPage(html: (locals: Values, call: Call) => string | Buffer = form, options: Values = {}) {
  const ran: string[] = [];
  const handler: Handler = (call) => {
    ran.push(call.path);
    call.send(html(call.locals as Values, call));
  };
  return { ran, route: { path: '/', handler, options: { replace, ...options } as Route['options'] } as Route };
}

const form = ({ csrf, nonce }: Values) =>
  `<form><input name="_csrf" value="${csrf}"></form><script nonce="${nonce}">go('${csrf}')</script>`;

/** Values that no page has by chance, and what templates and encoders make of them. */
const AWKWARD = 'a$&b$1.*+?^(x)|[y]\\`<i>"q"\'&amp;/=%41';

describe.each(allFrameworks)('%s: values that are replaced', (_name, start) => {
  const running = sites(start, () => ({}));

  test('each visitor gets their own, in the body and in the policy, and the handler runs once', async () => {
    const { ran, route } = formPage();
    const { get, reports } = await running([route], tokens());
    const first = await get('/', visitor('ann'));
    expect(first.cache).toBe('miss');
    for (const who of ['ben', 'ann', 'eve']) {
      const { text, cache, headers } = await get('/', visitor(who));
      const nonce = /'nonce-([^']+)'/.exec(String(headers['content-security-policy']))?.[1];
      expect([cache, text]).toEqual(['hit', form({ csrf: csrfOf(who), nonce })]);
      expect(headers['content-length']).toBe(String(Buffer.byteLength(text)));
    }
    expect(ran).toHaveLength(1);
    expect(reports.map(({ outcome }) => outcome)).toEqual(['miss', 'hit', 'hit', 'hit']);
  });

  test('a template that looks them up needs no change', async () => {
    let ran = 0;
    const handler: Handler = (call) => {
      ran++;
      const { csrf } = call.locals as Values;
      return call.render('form.njk', { csrfToken: csrf });
    };
    const { get } = await running([{ path: '/', handler, options: { replace } as never }], tokens());
    for (const who of ['ann', 'ben']) expect((await get('/', visitor(who))).text).toContain(`value="${csrfOf(who)}"`);
    expect(ran).toBe(1);
  });

  test('visitors with a session, and those who are logged in, are answered from the cache and fill it', async () => {
    const { ran, route } = formPage();
    const plan = tokens();
    const { get } = await running([route], {
      ...plan,
      express: (app) => {
        app.use((req, _res, next) => {
          Object.assign(req, { user: { id: req.get('x-visitor') }, session: { userId: req.get('x-visitor') } });
          next();
        });
        plan.express?.(app);
      },
    });
    const cookie = { Cookie: 'connect.sid=s%3A0123456789abcdef.c2lnbmF0dXJl' };
    expect((await get('/', visitor('ann', cookie))).cache).toBe('miss');
    const ben = await get('/', visitor('ben', { Cookie: 'sid=fedcba9876543210' }));
    expect([ben.cache, ben.text.includes(csrfOf('ben'))]).toEqual(['hit', true]);
    expect(ran).toHaveLength(1);
  });

  test.each([
    ['the cookie', (call: Call) => call.header('cookie')],
    ['who is asking', (call: Call) => (call.request as Values).user ?? call.header('cookie')],
  ])('a page whose handler reads %s is for its visitor alone', async (_what, read) => {
    const { route } = formPage((locals, call) => `${read(call)}${form(locals)}`);
    const { get } = await running([route], tokens());
    for (const who of ['ann', 'ben', 'ann']) {
      const { text, cache } = await get('/', visitor(who, { Cookie: `sid=${who}-0123456789abcdef` }));
      expect(cache).toMatch(/^(miss|skip) \(personal/);
      expect(text).toContain(csrfOf(who));
    }
  });

  test('Authorization, skip and other methods go past the cache as ever', async () => {
    const { ran, route } = formPage(form, { skip: (request: { query: Values }) => request.query.skip === '1' });
    const { get } = await running([route], tokens());
    await get('/', visitor('ann'));
    expect((await get('/', visitor('ben', { Authorization: 'Bearer x' }))).cache).toBe('skip (authorization)');
    expect((await get('/?skip=1', visitor('ben'))).cache).toBe('skip (skip option)');
    expect(ran).toHaveLength(3);
  });

  test.each<[string, Values]>([
    ['missing', { csrf: undefined }],
    ['null', { csrf: null }],
    ['shorter than 16 characters', { csrf: '0123456789abcde' }],
    ['a part of another', { csrf: '0123456789abcdef', nonce: '0123456789abcdef0' }],
    ['that of another', { csrf: '0123456789abcdef', nonce: '0123456789abcdef' }],
    ['no visible ASCII', { csrf: 'with-ümlaut-0123456789' }],
    ['broken into lines', { csrf: '0123456789\r\nabcdef' }],
  ])('a value that is %s: neither answered from the cache nor stored', async (_what, bad) => {
    let values: Values = {};
    const { ran, route } = formPage(() => 'page', { replace: () => ({ csrf: csrfOf('ann'), ...values }) });
    const { get } = await running([route]);
    expect((await get('/')).cache).toBe('miss');
    values = bad;
    for (let i = 0; i < 2; i++) {
      const { cache, headers } = await get('/');
      expect([cache, headers['cache-control']]).toEqual(['skip (nothing to replace)', 'private, no-cache']);
    }
    values = {};
    expect((await get('/')).cache).toBe('hit');
    expect(ran).toHaveLength(3);
  });

  test.each<[string, () => unknown]>([
    ['a text', () => '0123456789abcdef'],
    ['a list', () => ['0123456789abcdef']],
    ['a number in it', () => ({ csrf: 7 })],
    ['nothing', () => undefined],
    [
      'too many',
      () => Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`v${i}`, `0123456789abcdef-${i + 10}`])),
    ],
    ['a promise of a text', async () => 'x'],
  ])('a function that returns %s is reported, and the page goes on uncached', async (_what, wrong) => {
    const { route } = formPage(() => 'page', { replace: wrong });
    const { get, errors } = await running([route]);
    for (let i = 0; i < 2; i++) expect(await get('/')).toMatchObject({ text: 'page', cache: 'skip (error)' });
    expect(errors.splice(0)).toMatchObject([{ code: 'CACHESWEEPER_BAD_OPTION' }, { code: 'CACHESWEEPER_BAD_OPTION' }]);
  });

  test('a function that throws, at once or later, is reported, and the page goes on uncached', async () => {
    let isLater = false;
    const thrown = () => {
      if (isLater) return Promise.reject(new Error('later'));
      throw new Error('now');
    };
    const { route } = formPage(() => 'page', { replace: thrown });
    const { get, errors } = await running([route]);
    expect((await get('/')).cache).toBe('skip (error)');
    isLater = true;
    expect((await get('/')).cache).toBe('skip (error)');
    expect(errors.splice(0)).toMatchObject([{ message: 'now' }, { message: 'later' }]);
  });

  test('a function may take its time', async () => {
    const later = async (request: unknown, response: unknown) => {
      await new Promise((resolve) => setImmediate(resolve));
      return replace(request, response);
    };
    const { ran, route } = formPage(form, { replace: later });
    const { get } = await running([route], tokens());
    for (const who of ['ann', 'ben']) expect((await get('/', visitor(who))).text).toContain(csrfOf(who));
    expect(ran).toHaveLength(1);
  });

  const spellings: [string, (value: string) => string][] = [
    ['in base64', (value) => Buffer.from(value).toString('base64')],
    ['in base64 of more', (value) => Buffer.from(`token=${value};`).toString('base64url')],
    ['in hexadecimal', (value) => Buffer.from(value).toString('hex').toUpperCase()],
    ['in capitals', (value) => value.toUpperCase()],
    ['backwards', (value) => [...value].reverse().join('')],
    ['in part', (value) => value.slice(3, 11)],
    ['in a url', (value) => [...value].map((sign) => `%${sign.charCodeAt(0).toString(16)}`).join('')],
    ['in html', (value) => [...value].map((sign) => `&#${sign.charCodeAt(0)};`).join('')],
    ['in a script', (value) => [...value].map((sign) => `\\u00${sign.charCodeAt(0).toString(16)}`).join('')],
  ];
  test.each(spellings)('a page that has one %s as well is sent, and not stored', async (_how, spell) => {
    const page = ({ csrf }: Values) => `<p title="${csrf}">${spell(String(csrf))}</p>`;
    const { route } = formPage(page);
    const { get } = await running([route], tokens());
    for (const who of ['ann', 'ben']) {
      const { text, cache, headers } = await get('/', visitor(who));
      expect([text, cache]).toEqual([page({ csrf: csrfOf(who) }), 'miss (value transformed)']);
      expect(headers['cache-control']).toBe('private, no-cache');
    }
  });

  test('a header that has one in another spelling is not stored either', async () => {
    const { route } = formPage((locals, call) => {
      call.set('X-Token', Buffer.from(String(locals.csrf)).toString('base64'));
      return 'page';
    });
    const { get } = await running([route], tokens());
    for (const who of ['ann', 'ben']) expect((await get('/', visitor(who))).cache).toBe('miss (value transformed)');
  });

  test('one with signs that patterns and replacements use is put in as it is', async () => {
    const plain = ({ csrf }: Values) => `<!-- ${csrf}${csrf} -->${csrf}`;
    const { ran, route } = formPage(plain);
    const values = (who: string, nonce = '') => ({ csrf: `${who}${AWKWARD}`, nonce });
    const { get } = await running([route], tokens(values));
    for (const who of ['ann', 'ben']) expect((await get('/', visitor(who))).text).toBe(plain(values(who)));
    expect(ran).toHaveLength(1);
  });

  test('one with signs that a template escapes is not stored', async () => {
    const handler: Handler = (call) => call.render('form.njk', { csrfToken: (call.locals as Values).csrf });
    const values = (who: string, nonce: string) => ({ csrf: `${who}&<>"'0123456789abcdef`, nonce });
    const { get } = await running([{ path: '/', handler, options: { replace } as never }], tokens(values));
    for (const who of ['ann', 'ben']) expect((await get('/', visitor(who))).cache).toBe('miss (value transformed)');
  });

  test('a page that shows none has nothing open; one with 1,000 is stored, one with more is not', async () => {
    const counts = [0, 1_000, 1_001];
    const routes = counts.map((count) => ({
      ...formPage(({ csrf }) => `<b>${`${csrf},`.repeat(count)}</b>`).route,
      path: `/${count}`,
    }));
    const { get } = await running(routes, tokens());
    for (const count of counts) {
      await get(`/${count}`, visitor('ann'));
      const { text, cache } = await get(`/${count}`, visitor('ben'));
      expect(text).toBe(`<b>${`${csrfOf('ben')},`.repeat(count)}</b>`);
      expect(cache).toBe(count > 1_000 ? 'miss (value transformed)' : 'hit');
    }
  });

  test('values that overlap in the page are not stored', async () => {
    const { route } = formPage(() => 'aaaaaaaaaaaaaaaaaaaa', { replace: () => ({ csrf: 'a'.repeat(16) }) });
    const { get } = await running([route]);
    for (let i = 0; i < 2; i++) expect((await get('/')).cache).toBe('miss (value transformed)');
  });

  test('an address with a value in it: whoever follows the link would see another', async () => {
    const { route } = formPage((_locals, call) => `<a href="${call.path}?${JSON.stringify(call.query)}">`);
    const { get } = await running([route], tokens());
    const link = `/?t=${csrfOf('ann')}`;
    for (const who of ['ann', 'ben']) expect((await get(link, visitor(who))).text).toContain(csrfOf('ann'));
    expect((await get(link, visitor('ann'))).cache).toBe('skip (nothing to replace)');
    const coded = csrfOf('ann').replace('c', '%63');
    expect((await get(`/?t=${coded}`, visitor('ann'))).cache).toBe('skip (nothing to replace)');
  });

  test('what is sent is private, for whatever the handler and the options say, and has no tags for a CDN', async () => {
    const html = (locals: Values, call: Call) => {
      call.set('Cache-Control', 'public, s-maxage=600');
      call.set('CDN-Cache-Control', 'max-age=600');
      call.set('Last-Modified', new Date(0).toUTCString());
      return form(locals);
    };
    const { route } = formPage(html, { surrogate: 'Surrogate-Key', cacheControl: 'public, max-age=60' });
    const { get } = await running([route], tokens());
    for (const [who, cache, method] of [
      ['ann', 'miss', 'GET'],
      ['ben', 'hit', 'GET'],
      ['ben', 'hit', 'HEAD'],
    ] as const) {
      const answer = await get('/', visitor(who), method);
      expect([answer.cache, answer.headers['cache-control']]).toEqual([cache, 'private, no-cache']);
      for (const header of ['surrogate-key', 'cdn-cache-control', 'last-modified', 'expires'])
        expect(answer.headers).not.toHaveProperty(header);
    }
  });

  test('what goes past the cache is private as well', async () => {
    const { route } = formPage();
    const { get } = await running([route], tokens());
    const { cache, headers } = await get('/?a;b', visitor('ann'));
    expect([cache, headers['cache-control']]).toEqual(['skip (target)', 'private, no-cache']);
  });

  test('a header with a token has a tag of its own, miss and hit: a 304 would leave another’s in the browser', async () => {
    const { route } = formPage((locals, call) => {
      call.set('X-CSRF-Token', String(locals.csrf));
      return 'page';
    });
    const { get } = await running([route], tokens());
    const tags: unknown[] = [];
    for (const who of ['ann', 'ann', 'ben']) tags.push((await get('/', visitor(who))).headers.etag);
    expect(tags[0]).toBe(tags[1]);
    expect(tags[2]).not.toBe(tags[1]);
    expect((await get('/', visitor('ben', { 'If-None-Match': String(tags[1]) }))).status).toBe(200);
  });

  test('what stands before and behind a value is no piece of it', async () => {
    const { ran, route } = formPage(({ csrf }) => `csrf-${csrf}ann-0`);
    const { get } = await running([route], tokens());
    for (let i = 0; i < 2; i++) expect((await get('/', visitor('ann'))).text).toBe(`csrf-${csrfOf('ann')}ann-0`);
    expect(ran).toHaveLength(1);
  });

  test('HEAD gets the head of the page that GET would get', async () => {
    const { route } = formPage();
    const { get } = await running([route], tokens());
    await get('/', visitor('ann'));
    const { text, cache, headers } = await get('/', visitor('ben'), 'HEAD');
    const whole = await get('/', visitor('ben'));
    expect([text, cache]).toEqual(['', 'hit']);
    expect(headers['content-length']).toBe(whole.headers['content-length']);
  });

  test('whoever has the very page is told so, and whoever has another visitor’s is not', async () => {
    const { route } = formPage(({ csrf }) => `<input value="${csrf}">`);
    const clock = new Clock();
    const { get } = await running([route], tokens(), { now: clock.now });
    const first = await get('/', visitor('ann', { 'If-None-Match': '*' }));
    expect(first.status).toBe(200);
    clock.advance(10_000);
    const tagOf = async (who: string) => String((await get('/', visitor(who))).headers.etag);
    const [ann, ben] = [await tagOf('ann'), await tagOf('ben')];
    expect(first.headers.etag).toBe(ann);
    expect(ben).not.toBe(ann);
    expect(await get('/', visitor('ann', { 'If-None-Match': ann }))).toMatchObject({ status: 304, text: '' });
    const others: Record<string, string>[] = [
      { 'If-None-Match': ann },
      { 'If-None-Match': '*' },
      { 'If-Modified-Since': new Date(clock.now() + 86_400_000).toUTCString() },
    ];
    for (const condition of others) {
      const { status, text } = await get('/', visitor('ben', condition));
      expect([status, text]).toEqual([200, `<input value="${csrfOf('ben')}">`]);
    }
  });

  test('a 304 has no policy with a nonce, and a page with one is never the same', async () => {
    const { route } = formPage();
    const { get } = await running([route], tokens());
    await get('/', visitor('ann'));
    const { etag = '' } = (await get('/', visitor('ann'))).headers;
    expect((await get('/', visitor('ann', { 'If-None-Match': etag }))).status).toBe(200);
  });

  test('a validator of the handler’s own is not sent: another visitor has the same', async () => {
    const { route } = formPage((locals, call) => {
      call.set('ETag', '"mine"');
      return form(locals);
    });
    const { get } = await running([route], tokens());
    for (const who of ['ann', 'ben']) expect((await get('/', visitor(who))).headers.etag).not.toBe('"mine"');
    expect((await get('/', visitor('ben', { 'If-None-Match': '"mine"' }))).status).toBe(200);
  });

  test.each<[string, (call: Call) => unknown]>([
    [
      'in pieces, in the middle of a value',
      (call) => {
        const html = form(call.locals as Values);
        call.set('Content-Type', 'text/html; charset=utf-8');
        call.parts([html.slice(0, 40), html.slice(40, 90), html.slice(90)]);
      },
    ],
    [
      'as a stream',
      (call) => {
        const html = form(call.locals as Values);
        call.set('Content-Type', 'text/html; charset=utf-8');
        call.set('ETag', '"mine"');
        call.stream(streamOf([html.slice(0, 40), html.slice(40)]));
      },
    ],
    [
      'as bytes',
      (call) => {
        call.set('Content-Type', 'text/html; charset=utf-8');
        call.send(Buffer.from(form(call.locals as Values)));
      },
    ],
  ])('a page that is sent %s', async (_how, send) => {
    let ran = 0;
    const handler: Handler = (call) => {
      ran++;
      return send(call);
    };
    const { get } = await running([{ path: '/', handler, options: { replace } as never }], tokens());
    const first = await get('/', visitor('ann'));
    expect(first.headers['cache-control']).toBe('private, no-cache');
    expect(first.headers.etag).not.toBe('"mine"');
    for (const who of ['ben', 'eve']) {
      const { text, cache, headers } = await get('/', visitor(who));
      const nonce = /'nonce-([^']+)'/.exec(String(headers['content-security-policy']))?.[1];
      // What a handler writes past its framework has not the headers that middleware set in that.
      if (nonce !== undefined) expect(text).toBe(form({ csrf: csrfOf(who), nonce }));
      expect([cache, text.includes(csrfOf(who)), text.includes('ann')]).toEqual(['hit', true, false]);
    }
    expect(ran).toBe(1);
  });

  test('a page of other signs than ASCII is put together from bytes', async () => {
    const page = ({ csrf }: Values) => `ü€${csrf}漢字${csrf}😀`;
    const { ran, route } = formPage(page);
    const { get } = await running([route], tokens());
    for (const who of ['ann', 'ben']) expect((await get('/', visitor(who))).text).toBe(page({ csrf: csrfOf(who) }));
    expect(ran).toHaveLength(1);
  });

  test.each<[string, (locals: Values, call: Call) => Buffer]>([
    [
      'compressed inside',
      (locals, call) => {
        call.set('Content-Encoding', 'gzip');
        return gzipSync(form(locals));
      },
    ],
    ['no text', (locals) => Buffer.concat([Buffer.from([0xff, 0xd8, 0]), Buffer.from(form(locals))])],
    ['text of two bytes for each character', (locals) => Buffer.from(form(locals), 'utf16le')],
  ])('a body that is %s is not stored', async (_what, html) => {
    const { route } = formPage(html);
    const { get } = await running([route], tokens());
    for (const who of ['ann', 'ben']) expect((await get('/', visitor(who))).cache).toMatch(/^miss \(value transformed/);
  });

  test('headers of the handler: a policy, several lines, a token', async () => {
    const html = ({ csrf, nonce }: Values, call: Call) => {
      call.set('Content-Security-Policy', `default-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'`);
      call.set('X-CSRF-Token', String(csrf));
      return 'page';
    };
    const { ran, route } = formPage(html);
    const { get } = await running([route], tokens());
    const first = await get('/', visitor('ann'));
    const second = await get('/', visitor('ben'));
    expect([first.cache, second.cache, ran.length]).toEqual(['miss', 'hit', 1]);
    expect(second.headers['x-csrf-token']).toBe(csrfOf('ben'));
    const nonces = (answer: typeof first) =>
      [...String(answer.headers['content-security-policy']).matchAll(/'nonce-([^']+)'/g)].map(([, nonce]) => nonce);
    expect(nonces(second)).toHaveLength(2);
    expect(new Set([...nonces(first), ...nonces(second)]).size).toBe(2);
    // A 304 would leave the other token in the browser.
    expect(first.headers.etag).not.toBe(second.headers.etag);
  });

  test('a nonce that is not among them keeps the page from being stored', async () => {
    const { route } = formPage((locals, call) => {
      call.set('Content-Security-Policy', `script-src 'nonce-of-the-handler' 'nonce-${locals.nonce}'`);
      return 'page';
    });
    const { get } = await running([route], tokens());
    for (const who of ['ann', 'ben']) expect((await get('/', visitor(who))).cache).toBe('miss (csp nonce)');
  });

  test('a view is for requests with the same names', async () => {
    const all: Values = { csrf: csrfOf('ann'), form: 'form-0123456789abcdef' };
    let names = ['csrf', 'form'];
    const { ran, route } = formPage(() => 'page', {
      replace: () => Object.fromEntries(names.map((one) => [one, all[one]])),
    });
    const { get } = await running([route]);
    expect((await get('/')).cache).toBe('miss');
    names = ['csrf'];
    expect((await get('/')).cache).toBe('miss');
    names = ['form', 'csrf'];
    expect((await get('/')).cache).toBe('hit');
    expect(ran).toHaveLength(2);
  });

  test('a view is for values of the same kind: others would be escaped, or cut off, elsewhere', async () => {
    const page = ({ csrf }: Values) =>
      `<a href="/?t=${encodeURIComponent(String(csrf))}">${String(csrf).slice(0, 20)}</a>`;
    const kinds: Record<string, string> = {
      plain: '0123456789abcdefghij',
      alike: 'abcdefghij0123456789',
      sign: '0123456789abcdefgh+/',
      long: '0123456789abcdefghijk',
      capital: '0123456789ABCDEFGHIJ',
    };
    const { route } = formPage(page);
    const { get } = await running(
      [route],
      tokens((who, nonce) => ({ csrf: kinds[who], nonce })),
    );
    const caches: unknown[] = [];
    for (const who of Object.keys(kinds)) {
      const { text, cache } = await get('/', visitor(who));
      expect(text).toBe(page({ csrf: kinds[who] }));
      caches.push(cache);
    }
    expect(caches).toEqual(['miss', 'hit', 'miss (value transformed)', 'miss (value transformed)', 'miss']);
  });

  test('a handler that sets a cookie is not stored; middleware outside that does is no reason', async () => {
    const { ran, route } = formPage();
    const own: Route = {
      ...formPage((locals, call) => {
        (call.rawResponse as ServerResponse).setHeader('Set-Cookie', 'own=1');
        call.set('Set-Cookie', 'own=1');
        return form(locals);
      }).route,
      path: '/own',
    };
    const outside = tokens();
    const visit = 'visit=1';
    const { get } = await running([route, own], {
      ...outside,
      express: (app) => {
        app.use((_req, res, next) => {
          res.set('Set-Cookie', visit);
          next();
        });
        outside.express?.(app);
      },
      fastify: (app) => {
        app.addHook('onSend', async (_request, reply) => void reply.header('Set-Cookie', visit));
        return outside.fastify?.(app);
      },
      koa: (app) => {
        app.use(async (ctx, next) => {
          await next();
          ctx.append('Set-Cookie', visit);
        });
        outside.koa?.(app);
      },
      hapi: (server) => {
        server.ext('onPreResponse', ({ response }, h) => {
          if (!('isBoom' in response)) response.header('Set-Cookie', visit, { append: true });
          return h.continue;
        });
        return outside.hapi?.(server);
      },
    });
    for (const who of ['ann', 'ben']) {
      const { headers, text } = await get('/', visitor(who));
      expect([headers['set-cookie'], headers['cache-control']]).toEqual([[visit], 'private, no-cache']);
      expect(text).toContain(csrfOf(who));
    }
    expect(ran).toHaveLength(1);
    for (const who of ['ann', 'ben']) expect((await get('/own', visitor(who))).cache).toMatch(/^miss \(set-cookie/);
  });

  test('a header of the request that middleware made of one is no other key', async () => {
    const { ran, route } = formPage((locals, call) => `${call.header('x-nonce')} ${form(locals)}`);
    const outside = tokens();
    const note = (raw: IncomingMessage, locals: Values) => {
      raw.headers['x-nonce'] = String(locals.nonce);
    };
    const { get } = await running([route], {
      express: (app) => {
        outside.express?.(app);
        app.use((req, res, next) => {
          note(req, res.locals);
          next();
        });
      },
      fastify: async (app) => {
        await outside.fastify?.(app);
        app.addHook('onRequest', async (request, reply) =>
          note(request.raw, (reply as { locals?: Values }).locals ?? {}),
        );
      },
      koa: (app) => {
        outside.koa?.(app);
        app.use((ctx, next) => {
          note(ctx.req, ctx.state);
          return next();
        });
      },
      hapi: async (server) => {
        await outside.hapi?.(server);
        server.ext('onRequest', (request, h) => {
          note(request.raw.req, request.app as Values);
          return h.continue;
        });
      },
    });
    for (const who of ['ann', 'ben']) {
      const { text } = await get('/', visitor(who));
      const [, nonce] = /nonce="([^"]+)"/.exec(text) ?? [];
      expect(text).toBe(`${nonce} ${form({ csrf: csrfOf(who), nonce })}`);
    }
    expect(ran).toHaveLength(1);
  });

  describe('functions that give one', () => {
    /** A function that makes another token at each call, as middleware leaves it. */
    const maker = (who: unknown) => {
      let made = 0;
      return (prefix = 'token') => `${prefix}-${who}-${++made}-0123456789abcdef`;
    };
    const leave = (who: string, nonce: string) => ({ makeToken: maker(who), csrf: csrfOf(who), nonce });
    const asked = (request: unknown, response: unknown) => {
      const { makeToken, nonce } = localsOf(request, response) as { makeToken: () => string; nonce: string };
      return { csrf: makeToken(), nonce };
    };
    const called = (call: Call) => (call.locals as { makeToken: (prefix?: string) => string }).makeToken;

    test('the handler is given the token that replace was given', async () => {
      const { ran, route } = formPage((_locals, call) => `<i>${called(call)()}</i><b>${called(call)()}</b>`, {
        replace: asked,
      });
      const { get } = await running([route], tokens(leave));
      for (const who of ['ann', 'ben']) {
        const token = `token-${who}-1-0123456789abcdef`;
        expect((await get('/', visitor(who))).text).toBe(`<i>${token}</i><b>${token}</b>`);
      }
      expect(ran).toHaveLength(1);
    });

    test('one that is called otherwise keeps the page from being stored', async () => {
      const { route } = formPage((_locals, call) => `${called(call)()} ${called(call)('other')}`, { replace: asked });
      const { get } = await running([route], tokens(leave));
      for (const who of ['ann', 'ben']) {
        const { text, cache } = await get('/', visitor(who));
        expect(text).toContain(`other-${who}-`);
        expect(cache).toMatch(/^(miss|skip) \(unseen/);
      }
    });

    test('one that replace called for something else is read as ever', async () => {
      const { route } = formPage((_locals, call) => called(call)(), {
        replace: (request: unknown, response: unknown) => {
          asked(request, response);
          return replace(request, response);
        },
      });
      const { get } = await running([route], tokens(leave));
      for (const who of ['ann', 'ben']) {
        const { text, cache } = await get('/', visitor(who));
        expect([text, cache]).toEqual([`token-${who}-2-0123456789abcdef`, expect.stringMatching(/unseen/)]);
      }
    });

    test('one that replace did not call keeps the page from being stored', async () => {
      const { route } = formPage((_locals, call) => called(call)());
      const { get } = await running([route], tokens(leave));
      for (const who of ['ann', 'ben']) {
        const { text, cache } = await get('/', visitor(who));
        expect([text, cache]).toEqual([`token-${who}-1-0123456789abcdef`, expect.stringMatching(/unseen/)]);
      }
    });
  });

  test('a handler that logs its visitor in, or changes the session, is not stored', async () => {
    const html = (locals: Values, call: Call) => {
      const change = call.query.change === 'login' ? { user: { id: 7 } } : { session: { seen: true } };
      Object.assign(call.raw, change);
      return form(locals);
    };
    const { route } = formPage(html);
    const { get } = await running([route], tokens());
    for (const who of ['ann', 'ben']) {
      expect((await get('/?change=login', visitor(who))).cache).toMatch(/^miss \(logged in/);
      expect((await get('/?change=session', visitor(who))).cache).toMatch(/^miss \(session changed/);
    }
  });

  test('a token that stands in a cookie and in the session is no secret that the page repeats', async () => {
    const { ran, route } = formPage();
    const { get } = await running([route], tokens());
    for (const who of ['ann', 'ben']) {
      const { text } = await get(
        '/',
        visitor(who, { Cookie: `XSRF-TOKEN=${csrfOf(who)}; sid=${who}-fedcba9876543210` }),
      );
      expect(text).toContain(csrfOf(who));
    }
    expect(ran).toHaveLength(1);
  });

  test('another secret of the visitor keeps the page from being stored', async () => {
    const { route } = formPage((locals) => `${form(locals)}<!-- another-secret-of-the-visitor -->`);
    const { get } = await running([route], tokens());
    for (let i = 0; i < 2; i++)
      expect((await get('/', visitor('ann', { Cookie: 'sid=another-secret-of-the-visitor' }))).cache).toBe(
        'miss (csrf token)',
      );
  });

  test('what middleware made of one, a text with it or data, is no other key', async () => {
    const { ran, route } = formPage((locals) => `${locals.input}${(locals.data as { token: string }).token}`);
    const { get } = await running(
      [route],
      tokens((who, nonce) => ({
        csrf: csrfOf(who),
        nonce,
        input: `<input value="${csrfOf(who)}">`,
        data: { token: csrfOf(who) },
      })),
    );
    for (const who of ['ann', 'ben'])
      expect((await get('/', visitor(who))).text).toBe(`<input value="${csrfOf(who)}">${csrfOf(who)}`);
    expect(ran).toHaveLength(1);
  });

  test('what the handler reads beside them is compared as ever', async () => {
    const { ran, route } = formPage((locals, call) => `${call.header('accept-language')}${form(locals)}`);
    const { get } = await running([route], tokens());
    for (const language of ['de', 'fr', 'de']) {
      const { text } = await get('/', visitor('ann', { 'Accept-Language': language }));
      expect(text.startsWith(language)).toBe(true);
    }
    expect(ran).toHaveLength(2);
  });

  test('what a handler gives away in Vary is told as ever', async () => {
    const { route } = formPage((locals, call) => `${call.header('x-flag')}${form(locals)}`);
    const { get } = await running([route], tokens());
    for (const who of ['ann', 'ben']) {
      const { headers } = await get('/', visitor(who));
      expect(String(headers.vary).toLowerCase()).toContain('x-flag');
    }
  });
});

const compressing: [string, (plan: Plan) => Promise<Site>, Partial<Plan>][] = [
  ['Express', startExpress, { express: (app) => void app.use(compression({ threshold: 0 })) }],
  ['Fastify', startFastify, { fastify: (app) => app.register(fastifyCompress, { threshold: 0 }) }],
  ['Koa', startKoa, { koa: (app) => void app.use(koaCompress({ threshold: 0 })) }],
  ['hapi', startHapi, {}],
];

test('Express: a token that middleware puts among what it parsed is in no key', async () => {
  const app = express();
  const sweeper = new CacheSweeper();
  let ran = 0;
  app.use((req, _res, next) => {
    req.body = { csrf: csrfOf(String(req.get('x-visitor'))) };
    next();
  });
  const ofBody = (req: Request) => ({ csrf: req.body.csrf });
  app.get('/', forExpress.cacheView({ sweeper, ttl: 300, replace: ofBody }), (req: Request, res: Response) => {
    ran++;
    res.send(`token ${req.body.csrf}`);
  });
  const site = await serve(app);
  for (const who of ['ann', 'ben'])
    expect((await ask(`${site.url}/`, { headers: visitor(who) })).body.toString()).toBe(`token ${csrfOf(who)}`);
  expect(ran).toBe(1);
  await site.close();
  await sweeper.close();
});

describe.each(compressing)('%s, with a compression outside', (_name, start, plan) => {
  const running = sites(start, () => ({}));

  test('each visitor’s own bytes are compressed, under a tag of their own', async () => {
    const { ran, route } = formPage(({ csrf }) => `<input value="${csrf}">${' and more text'.repeat(200)}`);
    const outside = tokens();
    const { get } = await running([route], {
      express: (app) => {
        plan.express?.(app);
        outside.express?.(app);
      },
      fastify: async (app) => {
        await plan.fastify?.(app);
        await outside.fastify?.(app);
      },
      koa: (app) => {
        plan.koa?.(app);
        outside.koa?.(app);
      },
      ...(outside.hapi === undefined ? {} : { hapi: outside.hapi }),
    });
    const tags: unknown[] = [];
    for (const who of ['ann', 'ben']) {
      const { body, headers } = await get('/', visitor(who, { 'Accept-Encoding': 'gzip' }));
      // hapi compresses nothing that it gives to the cache.
      const isCoded = headers['content-encoding'] === 'gzip';
      expect(isCoded).toBe(start !== startHapi || who !== 'ann');
      expect((isCoded ? gunzipSync(body) : body).toString()).toContain(`value="${csrfOf(who)}"`);
      tags.push(headers.etag);
    }
    expect([ran.length, new Set(tags).size]).toEqual([1, 2]);
    const same = { 'Accept-Encoding': 'gzip', 'If-None-Match': String(tags[1]) };
    expect((await get('/', visitor('ben', same))).status).toBe(304);
    expect((await get('/', visitor('ann', same))).status).toBe(200);
    const plain = (await get('/', visitor('ann', { 'Accept-Encoding': 'identity' }))).headers.etag;
    // A strong tag names one sequence of bytes.
    expect(tags[0] === plain).toBe(start === startHapi);
  });
});

describe.each(frameworks)('%s: two processes with one store', (_name, start) => {
  let server: Memcached;
  beforeAll(async () => {
    server = await Memcached.start();
  });
  const running = sites(start, () => ({ store: new MemcachedStore(server.address), memory: false }));

  test('a view that one has made is filled by the other', async () => {
    const { ran, route } = formPage((locals, call) => {
      call.set('X-CSRF-Token', String(locals.csrf));
      return form(locals);
    });
    const clock = new Clock();
    const options = { now: clock.now, maxDataAge: '3s' } as const;
    const [one, other] = [await running([route], tokens(), options), await running([route], tokens(), options)];
    const site = { Host: 'site.example' };
    await one.get('/', visitor('ann', site));
    clock.advance(10_000);
    await one.get('/', visitor('ann', site));
    const renders = ran.length;
    const { text, cache, headers } = await other.get('/', visitor('ben', site));
    expect([cache, ran.length]).toEqual(['hit', renders]);
    expect([text.includes(csrfOf('ben')), headers['x-csrf-token']]).toEqual([true, csrfOf('ben')]);
  });
});
