import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import hapi from '@hapi/hapi';
import vision from '@hapi/vision';
import type nunjucks from 'nunjucks';
import type { CacheSweeper } from 'nunjucks-cachesweeper';
import { cacheView, requestStart } from 'nunjucks-cachesweeper/hapi';
import { cookiesOf } from '../../../src/views/http/session-cookies.ts';
import { leave } from './outer.ts';
import type { Program } from './program.ts';
import type { Dict, Scope } from './reads.ts';
import { afterLines, has, headersOf, later, locationOf, outsideLines, pieces, prepare, Run } from './run.ts';
import { COOKIE, sessionOf } from './sessions.ts';
import type { Built, ViewOptions } from './site.ts';
import { environmentOf } from './templates.ts';

const pages = new URL('../hapi-pages', import.meta.url).pathname;

export async function buildHapi(
  program: Program,
  sweeper: CacheSweeper,
  view: ViewOptions | undefined,
): Promise<Built> {
  const { site } = program;
  // The requests come from a server that is kept, so this one never listens.
  const listener = createServer();
  const server = hapi.server({
    listener,
    autoListen: false,
    debug: false,
    compression: false,
    routes: { state: { parse: true, failAction: 'ignore' }, response: { emptyStatusCode: 200, ranges: false } },
    state: { strictHeader: false, ignoreErrors: true },
  });
  await server.register(requestStart());
  await server.register(vision);
  const env = environmentOf(program, sweeper);
  server.views({
    engines: { njk: { compile: compiled(env) as never } },
    compileMode: 'async',
    path: pages,
    context: (request) => ({ ...request?.app }),
  });
  server.ext('onRequest', (request, h) => {
    leave(program.outer, request.raw.req as unknown as Dict, request as unknown as Dict, request.app as Dict);
    return h.continue;
  });
  if (site.session) server.ext('onPreAuth', session);
  if (view) await server.register(cacheView({ sweeper }));
  // They stand before the cache, whoever comes first.
  if (has(program, 'param')) {
    server.ext('onPreHandler', (request, h) => {
      Object.assign(request, { fromParam: outsideLines(program, scopeOf(request), 'param') });
      return h.continue;
    });
  }
  if (has(program, 'after')) server.ext('onPreResponse', sayAfter(program));
  server.ext('onPreResponse', ({ response }, h) => {
    if (!('isBoom' in response) || response.output.statusCode !== 500) return h.continue;
    return h.response(response.message.split('\n')[0]).code(500).type('text/html');
  });
  const handler: hapi.Lifecycle.Method = (request, h) => answer(program, request, h);
  const options = { plugins: { cacheView: view ?? false } } as object;
  const add = (to: hapi.Server, path: string) => to.route({ method: 'GET', path, handler, options });
  if (site.placed === 'router') {
    const shop = { name: 'shop', register: (inner: hapi.Server) => add(inner, '/{item}') };
    await server.register(shop, { routes: { prefix: '/shop' } });
  } else add(server, '/shop/{item}');
  await server.start();
  return {
    listener: (request: IncomingMessage, response: ServerResponse) => void listener.emit('request', request, response),
    close: async () => {},
  };
}

type Rendered = (error: Error | null, html: string | null) => void;
type Compiled = (context: object, options: object, done: Rendered) => void;

/** The page of the program, whatever file vision has found. */
function compiled(env: nunjucks.Environment) {
  return (_source: string, _options: object, next: (error: null, render: Compiled) => void) =>
    next(null, (context, _runtime, done) => void env.render('page.njk', context, done));
}

const session: hapi.Lifecycle.Method = async (request, h) => {
  const visitor = cookiesOf(request.headers.cookie as string | undefined).find(([name]) => name === COOKIE)?.[1];
  await later();
  if (visitor !== undefined) Object.assign(request, { session: sessionOf(visitor) });
  return h.continue;
};

/** Extensions add to a text, to an object, and to the head. */
function sayAfter(program: Program): hapi.Lifecycle.Method {
  return (request, h) => {
    const { response } = request;
    if ('isBoom' in response) return h.continue;
    const after = afterLines(program, scopeOf(request));
    response.header('X-After', after);
    const { source } = response as { source: unknown };
    if (program.answer.by === 'send') Object.assign(response, { source: `${source}\nafter ${after}` });
    if (program.answer.by === 'json') Object.assign(source as object, { after });
    return h.continue;
  };
}

async function answer(
  program: Program,
  request: hapi.Request,
  h: hapi.ResponseToolkit,
): Promise<hapi.Lifecycle.ReturnValue> {
  const run = new Run(program, scopeOf(request));
  run.stage('inner');
  await prepare(program, run);
  const { by, status } = program.answer;
  if (has(program, 'param')) run.lines.push(`param ${(request as unknown as Dict).fromParam}`);
  const headed = (response: hapi.ResponseObject) => {
    for (const [name, value] of Object.entries(headersOf(program, run))) response.header(name, value);
    return response.code(status);
  };
  if (by === 'json') return headed(h.response({ lines: run.lines }));
  if (by === 'redirect') return headed(h.redirect(locationOf(run))).code(301);
  if (by === 'render') return headed(h.view('page', run.context()));
  if (by === 'send') return headed(h.response(run.lines.join('\n')).type('text/html'));
  // Extensions that add to an answer do not run where the handler has taken it over, but they do on a hit.
  if (by === 'pipe' || has(program, 'after'))
    return headed(h.response(Readable.from(pieces(program, run), { objectMode: false })).type('text/html'));
  const { res } = request.raw;
  res.setHeader('Content-Type', 'text/html; charset=utf-8');
  // As hapi says where nobody does.
  res.setHeader('Cache-Control', 'no-cache');
  for (const [name, value] of Object.entries(headersOf(program, run))) res.setHeader(name, value);
  res.statusCode = status;
  for await (const piece of pieces(program, run)) {
    res.write(piece);
    await later();
  }
  res.end();
  return h.abandon;
}

/** What other frameworks have on their request, where hapi has it elsewhere. */
const ELSEWHERE: Readonly<Record<string, (request: hapi.Request) => unknown>> = {
  url: ({ url }) => `${url.pathname}${url.search}`,
  originalUrl: ({ raw }) => raw.req.url,
  raw: ({ raw }) => raw.req,
  cookies: ({ state }) => state,
  host: ({ info }) => info.host,
  hostname: ({ info }) => info.hostname,
  protocol: ({ server }) => server.info.protocol,
  ip: ({ info }) => info.remoteAddress,
  socket: ({ raw }) => raw.req.socket,
};

function scopeOf(request: hapi.Request): Scope {
  const own = new Proxy(request as unknown as Dict, {
    get(target, name, receiver) {
      const elsewhere = Object.hasOwn(ELSEWHERE, name) ? ELSEWHERE[name as string] : undefined;
      return elsewhere === undefined
        ? Reflect.get(target, name, receiver === own ? target : receiver)
        : elsewhere(request);
    },
  });
  return {
    framework: 'hapi',
    request: own,
    holders: () => [own, request.raw.req as unknown as Dict, own, (request.raw.res as unknown as Dict).req as Dict],
    locals: () => request.app as Dict,
  };
}
