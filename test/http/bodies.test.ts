import { Readable } from 'node:stream';
import axios from 'axios';
import got from 'got';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { type HttpModels, httpModels } from 'nunjucks-cachesweeper/http';
import superagent from 'superagent';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HttpApi } from './api.ts';

const api = new HttpApi();
beforeAll(() => api.start());
afterAll(() => api.stop());

async function* chunks() {
  yield Buffer.from('some');
  yield Buffer.from('thing');
}

async function* brokenOff() {
  yield Buffer.from('some');
  throw new Error('it broke off');
}

const form = () => {
  const data = new FormData();
  data.set('title', 'New');
  data.set('file', new Blob(['text']), 'text.txt');
  return data;
};

const fails = (): never => {
  throw new Error('of the site');
};

const fetching = (body: unknown) => (url: string, http: HttpModels) =>
  http.fetch(url, { method: 'PUT', body, duplex: 'half' } as RequestInit);
const byUndici = (body: () => Readable) => (url: string, http: HttpModels) =>
  request(url, { method: 'PUT', body: body(), dispatcher: new Agent().compose(http.undici) }).then((answer) =>
    answer.body.dump(),
  );
const byAxios = (data: () => unknown, config: object) => (url: string, http: HttpModels) =>
  http.axios(axios.create()).put(url, data(), config);
const bySuperagent = (url: string, http: HttpModels) => superagent.agent().use(http.superagent).put(url);
const byGot = (options: object) => (url: string, http: HttpModels) =>
  got.extend(http.got).extend({ body: 'x' }, options).put(url);

const writes: Readonly<Record<string, (url: string, http: HttpModels) => PromiseLike<unknown>>> = {
  'fetch with a form': (url, http) => fetching(form())(url, http),
  'fetch with a stream': (url, http) => fetching(chunks())(url, http),
  'fetch with a stream that breaks off': (url, http) => fetching(brokenOff())(url, http),
  'undici with a stream': byUndici(() => Readable.from(chunks())),
  'undici with a stream that breaks off': byUndici(() => Readable.from(brokenOff())),
  'axios with a form': byAxios(form, {}),
  'axios with a stream that breaks off': byAxios(() => Readable.from(brokenOff()), {}),
  'axios with an answer that is too long': byAxios(() => 'x', { maxContentLength: 1 }),
  'axios with an answer that is a stream': byAxios(() => 'x', { responseType: 'stream' }),
  'axios with its adapter fetch': byAxios(() => 'x', { adapter: 'fetch' }),
  'superagent with a form': (url, http) =>
    bySuperagent(url, http).field('title', 'New').attach('file', Buffer.from('x'), 'x'),
  'superagent with an answer that cannot be parsed': (url, http) =>
    bySuperagent(url, http)
      .buffer(true)
      .parse(((_: unknown, done: (error: Error) => void) => done(new Error('of the site'))) as never),
  'superagent with an ok() that fails': (url, http) => bySuperagent(url, http).ok(fails),
  'got with an answer that cannot be parsed': byGot({ parseJson: fails, responseType: 'json' }),
  'got with a hook of the site that fails': byGot({ hooks: { afterResponse: [fails] } }),
};

test.each(Object.entries(writes))('a write is invalidated: %s', async (_, write) => {
  const bumped: string[] = [];
  const sweeper = new CacheSweeper({
    onBump: (names) => void bumped.push(...names.map((name) => name.slice(name.indexOf('=') + 1))),
  });
  await Promise.resolve(write(`${api.origin}/articles/7`, httpModels(sweeper))).catch(() => {});
  expect(new Set(bumped)).toEqual(new Set(['/articles/7/**', '/articles']));
});
