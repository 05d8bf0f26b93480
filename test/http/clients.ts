import axios from 'axios';
import got from 'got';
import type { CacheSweeper } from 'nunjucks-cachesweeper';
import { type HttpModelsOptions, type HttpRule, httpModels } from 'nunjucks-cachesweeper/http';
import superagent from 'superagent';
import { Agent, request, fetch as undiciFetch } from 'undici';

export interface Sent {
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A client that is heard. Resolves with the body whatever the status, and rejects where no answer comes. */
export type Send = (method: string, url: string, sent?: Sent) => Promise<string>;

export interface Client {
  readonly name: string;
  /** Whether it repeats requests by itself. */
  readonly repeats: boolean;
  readonly redirects: boolean;
  readonly make: (sweeper: CacheSweeper, rules?: readonly HttpRule[], options?: HttpModelsOptions) => Send;
}

export const clients: readonly Client[] = [
  {
    name: 'fetch',
    repeats: false,
    redirects: true,
    make: (sweeper, rules, options) => {
      const { fetch } = httpModels(sweeper, rules, options);
      return async (method, url, sent) => (await fetch(url, { method, ...sent })).text();
    },
  },
  {
    name: 'undici',
    repeats: false,
    redirects: true,
    make: (sweeper, rules, options) => {
      const dispatcher = new Agent().compose(httpModels(sweeper, rules, options).undici);
      return async (method, url, sent) => (await undiciFetch(url, { method, dispatcher, ...sent })).text();
    },
  },
  {
    name: 'undici.request',
    repeats: false,
    redirects: false,
    make: (sweeper, rules, options) => {
      const dispatcher = new Agent().compose(httpModels(sweeper, rules, options).undici);
      return async (method, url, sent) =>
        (await request(url, { method: method as 'GET', dispatcher, ...sent })).body.text();
    },
  },
  {
    name: 'axios',
    repeats: false,
    redirects: true,
    make: (sweeper, rules, options) => {
      const api = httpModels(sweeper, rules, options).axios(axios.create({ validateStatus: () => true }));
      return async (method, url, sent) =>
        (await api.request({ method, url, responseType: 'text', transformResponse: (text) => text, ...sent })).data;
    },
  },
  {
    name: 'superagent',
    repeats: true,
    redirects: true,
    make: (sweeper, rules, options) => {
      const api = superagent.agent().use(httpModels(sweeper, rules, options).superagent);
      return async (method, url, sent) => {
        const sending = superagentRequest(api, method, url)
          .retry(1)
          .ok(() => true);
        for (const [name, value] of Object.entries(sent?.headers ?? {})) sending.set(name, value);
        sent?.signal?.addEventListener('abort', () => void sending.abort());
        return (await sending).text;
      };
    },
  },
  {
    name: 'got',
    repeats: true,
    redirects: true,
    make: (sweeper, rules, options) => {
      const api = got.extend(httpModels(sweeper, rules, options).got, {
        throwHttpErrors: false,
        retry: {
          limit: 1,
          methods: ['PUT'],
          statusCodes: [503],
          calculateDelay: ({ computedValue }) => (computedValue ? 1 : 0),
        },
      });
      return async (method, url, sent) =>
        (await api(url, { method: method as 'GET', responseType: 'text', methodRewriting: true, ...sent })).body;
    },
  },
];

function superagentRequest(api: ReturnType<typeof superagent.agent>, method: string, url: string) {
  const send = (api as unknown as Record<string, (url: string) => superagent.SuperAgentRequest>)[method.toLowerCase()];
  if (send === undefined) throw new Error(`superagent has no ${method}`);
  return send.call(api, url);
}
