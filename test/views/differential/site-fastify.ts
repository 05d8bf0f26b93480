import { createServer, type RequestListener } from 'node:http';
import { Readable } from 'node:stream';
import fastifyCookie from '@fastify/cookie';
import fastifySession from '@fastify/session';
import fastifyView from '@fastify/view';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { CacheSweeper } from 'nunjucks-cachesweeper';
import { cacheView, requestStart } from 'nunjucks-cachesweeper/fastify';
import { leave } from './outer.ts';
import type { Program } from './program.ts';
import type { Dict, Scope } from './reads.ts';
import { afterLines, has, headersOf, later, locationOf, outsideLines, pieces, prepare, Run } from './run.ts';
import { COOKIE, SECRET, sessionOf } from './sessions.ts';
import type { Built, ViewOptions } from './site.ts';
import { environmentOf } from './templates.ts';

export async function buildFastify(
  program: Program,
  sweeper: CacheSweeper,
  view: ViewOptions | undefined,
): Promise<Built> {
  const { site } = program;
  let listener: RequestListener = () => {};
  // The requests come from a server that is kept, so this one never listens.
  const serverFactory = (handler: RequestListener) => {
    listener = handler;
    return createServer();
  };
  const app = fastify({ serverFactory, trustProxy: site.trustProxy } as never) as unknown as FastifyInstance;
  const env = environmentOf(program, sweeper);
  await app.register(requestStart() as never);
  await app.register(fastifyCookie);
  await app.register(fastifyView, { engine: { nunjucks: { configure: () => env } } });
  app.addHook('onRequest', async (request, reply) => {
    const held: Dict = {};
    (reply as unknown as Dict).locals = held;
    leave(program.outer, request.raw as unknown as Dict, request as unknown as Dict, held);
  });
  if (site.session) await app.register(fastifySession, sessions);
  if (has(program, 'param')) {
    app.addHook('preHandler', async (request, reply) => {
      const seen = outsideLines(program, scopeOf(request, reply), 'param');
      Object.assign(request, { fromParam: seen });
    });
  }
  if (has(program, 'after')) sayAfter(program, app);
  if (view) await app.register(cacheView({ sweeper }) as never);
  const add = (to: FastifyInstance, path: string) =>
    to.get(path, { config: { cacheView: view ?? false } as object }, (request, reply) =>
      answer(program, request, reply),
    );
  if (site.placed === 'router') await app.register(async (shop) => void add(shop, '/:item'), { prefix: '/shop' });
  else add(app, '/shop/:item');
  app.setErrorHandler((error: Error, _request, reply) => {
    // An answer that is under way cannot become an error page.
    if (reply.raw.headersSent) return reply.raw.destroy();
    return reply.code(500).type('text/html').send(error.message.split('\n')[0]);
  });
  await app.ready();
  return { listener, close: () => app.close() };
}

const sessions = {
  secret: SECRET,
  cookieName: COOKIE,
  saveUninitialized: false,
  cookie: { secure: false },
  store: {
    get(sid: string, done: (error: unknown, held?: object) => void) {
      setImmediate(() => done(null, { cookie: { originalMaxAge: null }, ...sessionOf(sid) }));
    },
    set: (_sid: string, _held: object, done: () => void) => done(),
    destroy: (_sid: string, done: () => void) => done(),
  },
} as never;

/** Hooks add to what a handler sends: to an object before it becomes text, to a text, and to the head. */
function sayAfter(program: Program, app: FastifyInstance): void {
  if (program.answer.by === 'json') {
    app.addHook('preSerialization', async (request, reply, payload) => {
      return { ...(payload as object), after: afterLines(program, scopeOf(request, reply)) };
    });
    return;
  }
  app.addHook('onSend', async (request, reply, payload) => {
    const after = afterLines(program, scopeOf(request, reply));
    reply.header('X-After', after);
    return typeof payload === 'string' && program.answer.by === 'send' ? `${payload}\nafter ${after}` : payload;
  });
}

async function answer(program: Program, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const run = new Run(program, scopeOf(request, reply));
  run.stage('inner');
  await prepare(program, run);
  const { by, status } = program.answer;
  if (has(program, 'param')) run.lines.push(`param ${(request as { fromParam?: string }).fromParam}`);
  reply.headers(headersOf(program, run)).code(status);
  if (by === 'json') return reply.send({ lines: run.lines });
  if (by === 'redirect') return reply.redirect(locationOf(run), 301);
  if (by === 'render') return reply.view('page.njk', run.context());
  reply.type('text/html; charset=utf-8');
  // Hooks that add to an answer do not run where the handler has taken it over, but they do on a hit.
  const isHooked = program.site.session || has(program, 'after');
  if (by === 'pipe' || (by === 'write' && isHooked))
    return reply.send(Readable.from(pieces(program, run), { objectMode: false }));
  if (by === 'send') return reply.send(run.lines.join('\n'));
  reply.hijack();
  const { raw } = reply;
  for (const [name, value] of Object.entries(reply.getHeaders())) raw.setHeader(name, value as string);
  raw.statusCode = status;
  for await (const piece of pieces(program, run)) {
    raw.write(piece);
    await later();
  }
  raw.end();
  return reply;
}

function scopeOf(request: FastifyRequest, reply: FastifyReply): Scope {
  const own = request as unknown as Dict;
  return {
    framework: 'fastify',
    request: own,
    holders: () => [
      own,
      own.raw as Dict,
      (reply as unknown as Dict).request as Dict,
      (reply.raw as unknown as Dict).req as Dict,
    ],
    locals: () => (reply as unknown as { locals: Dict }).locals,
  };
}
