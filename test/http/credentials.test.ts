import axios from 'axios';
import got from 'got';
import type { RenderReport } from 'nunjucks-cachesweeper';
import { httpModels } from 'nunjucks-cachesweeper/http';
import superagent, { type SuperAgentRequest } from 'superagent';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hasCredentials } from '../../src/http-api/clients/credentials.ts';
import { HttpApi } from './api.ts';
import { type Client, clients } from './clients.ts';
import { ApiSite } from './site.ts';

const api = new HttpApi();
beforeAll(() => api.start());
afterAll(() => api.stop());

test.each(clients)(
  '$name: a lazy that reads with credentials is not stored, unless they are the site’s own',
  async (client) => {
    const headers = { Authorization: 'Bearer secret' };
    const reports: RenderReport[] = [];
    const options = { onRender: (report: RenderReport) => reports.push(report) };
    const signedIn = (each: Client): Client => ({
      ...each,
      make: (...made) => {
        const send = each.make(...made);
        return (method, url) => send(method, url, { headers });
      },
    });
    const visitors = new ApiSite(api, signedIn(client), options);
    await visitors.render(['/tags']);
    expect(await visitors.loaded(['/tags'])).toEqual(['/tags']);
    expect(reports.at(-1)?.fragments).toMatchObject([{ outcome: 'uncached', reason: 'credentials' }]);
    const own = new ApiSite(api, signedIn(client), { http: { credentials: 'site' } });
    await own.render(['/tags']);
    expect(await own.loaded(['/tags'])).toEqual([]);
    const rules = [{ match: `${api.origin}/tags`, credentials: 'site' as const }];
    const ruled = new ApiSite(api, signedIn(client), { rules });
    await ruled.render(['/tags', '/articles']);
    expect(await ruled.loaded(['/tags', '/articles'])).toEqual(['/articles']);
  },
);

const authorization = 'Bearer secret';
const signing: Readonly<Record<string, Client['make']>> = {
  'a hook of got behind ours': (sweeper) => {
    const signed = got.extend(httpModels(sweeper).got, {
      hooks: { beforeRequest: [({ headers }) => void Object.assign(headers, { authorization })] },
    });
    return (_, url) => signed(url).text();
  },
  'an interceptor of axios that was there before ours': (sweeper) => {
    const signed = axios.create({ transformResponse: (text) => text });
    signed.interceptors.request.use((config) => {
      config.headers.set({ authorization });
      return config;
    });
    httpModels(sweeper).axios(signed);
    return async (_, url) => (await signed.get(url)).data;
  },
  'a listener of superagent': (sweeper) => {
    const sign = (request: SuperAgentRequest) => void request.on('request', () => void request.set({ authorization }));
    const signed = superagent.agent().use(httpModels(sweeper).superagent).use(sign);
    return async (_, url) => (await signed.get(url)).text;
  },
};

test.each(Object.entries(signing))('credentials are seen that %s adds', async (_, make) => {
  const reports: RenderReport[] = [];
  const site = new ApiSite(api, { ...(clients[0] as Client), make }, { onRender: (report) => reports.push(report) });
  await site.render(['/tags']);
  expect(reports.at(-1)?.fragments).toMatchObject([{ outcome: 'uncached', reason: 'credentials' }]);
});

test.each(clients.filter(({ redirects }) => redirects))(
  '$name: credentials are seen that a redirect to another host takes away',
  async (client) => {
    const other = await new HttpApi().start();
    const reports: RenderReport[] = [];
    const make: Client['make'] = (...made) => {
      const send = client.make(...made);
      return (method, url) => send(method, url, { headers: { authorization } });
    };
    const site = new ApiSite(api, { ...client, make }, { onRender: (report) => reports.push(report) });
    await site.render([`/me?to=${other.origin.replace('127.0.0.1', 'localhost')}/tags`]);
    expect(reports.at(-1)?.fragments).toMatchObject([{ outcome: 'uncached', reason: 'credentials' }]);
    await other.stop();
  },
);

test.each<[unknown, boolean]>([
  [undefined, false],
  [null, false],
  [{}, false],
  [[], false],
  [{ Accept: 'x' }, false],
  [{ authorization: 'x' }, true],
  [{ Cookie: ['a=1', 'b=2'] }, true],
  [{ Authorization: undefined, cookie: null }, false],
  [new Headers({ AUTHORIZATION: 'x' }), true],
  [new Headers({ accept: 'x' }), false],
  [[['Cookie', 'a=1']], true],
  [['accept', 'authorization'], false],
  [['accept', 'x', 'Authorization', 'x'], true],
  [[Buffer.from('Cookie'), Buffer.from('a=1')], true],
  [new Map([['cookie', 'a=1']]), true],
])('credentials are seen in each form of headers: %j', (headers, has) => {
  expect(hasCredentials(headers)).toBe(has);
});
