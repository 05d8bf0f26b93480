import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { type Address, queryOf } from '../http/address.ts';
import type { Exchange, Headers, Reply } from '../http/exchange.ts';
import { codeOf } from '../http/handlers.ts';
import { ownOfRequest, ownOfResponse } from '../reads/pristine.ts';
import type { FastifyReplyLike, FastifyRequestLike, FastifyRouteLike } from './contract.ts';
import { GENERATE_CSRF } from './csrf.ts';

/** @param route tells routes apart */
export function exchangeOf(request: FastifyRequestLike, reply: FastifyReplyLike, route = ''): Exchange {
  const raw = request.raw as IncomingMessage;
  return {
    request,
    incoming: raw,
    response: reply.raw as ServerResponse,
    reply,
    target: request.originalUrl,
    urls: [request.originalUrl, raw.url ?? ''],
    route,
    given: (address) => givenOf(request as WithParts, address),
    holders: [
      { name: 'request', object: request, isOwn: isOwnOfRequest },
      { name: 'raw', object: raw, isOwn: isOwnOfRaw },
      { name: 'reply', object: reply, isOwn: isOwnOfReply },
      { name: 'res', object: reply.raw, isOwn: isOwnOfResponse },
    ],
    localsAt: { object: reply, key: 'locals', read: 'locals' },
    derived: [
      { object: request, names: ['protocol', 'host', 'hostname', 'port'] },
      { object: request, names: ['ip', 'ips'], read: 'ip' },
      // Only in HTTP/2, whose clients may send another host beside.
      { object: raw, names: ['authority'], read: 'headers.:authority' },
      { object: raw, names: ['scheme'], read: 'headers.:scheme' },
    ],
    rewrite: (address) => rewrite(request, raw, address),
    protocol: request.protocol,
    host: request.host,
    params: (request.params ?? {}) as Readonly<Record<string, unknown>>,
    pattern: undefined,
    // Getters, because hooks that run later may set these.
    get visitors() {
      return [request, raw, localsOf(reply)];
    },
    locals: () => [localsOf(reply)],
    answersInContext: false,
    // @fastify/compress sets no Vary where it does not compress.
    mayCompress: 'compress' in reply,
    headers: () => reply.getHeaders() as OutgoingHttpHeaders as Headers,
    cookiesToCome: () => cookiesOf(reply),
    functions: [{ object: reply, name: GENERATE_CSRF }],
    send: (answer) => send(reply, answer),
  };
}

const isOwnOfRequest = (name: string) => ['params', 'raw', 'query', 'log', 'body'].includes(name);

const isOwnOfRaw = ownOfRequest(['originalUrl']);

const isOwnOfReply = (name: string) => ['request', 'raw', 'log', 'locals'].includes(name);

const isOwnOfResponse = ownOfResponse([]);

/** Returns the cookies that @fastify/cookie sets in a hook; undefined if they cannot be told. */
function cookiesOf(reply: object): string | undefined {
  const mark = Object.getOwnPropertySymbols(reply).find(
    ({ description }) => description === 'fastify.reply.setCookies',
  );
  const cookies: unknown = mark && Reflect.get(reply, mark);
  if (cookies === undefined || cookies === null) return '';
  return cookies instanceof Map ? JSON.stringify([...cookies.values()]) : undefined;
}

interface WithParts {
  readonly params?: unknown;
  readonly query?: unknown;
  readonly body?: unknown;
}

function givenOf({ params, query, body }: WithParts, address: Address): readonly unknown[] {
  const asked = typeof query === 'object' && query !== null ? queryOf(query, address) : query;
  // Parsers make objects of classes of their own.
  return [params, asked, body].map((one) => (typeof one === 'object' && one !== null ? { ...one } : one));
}

/** Routes may share a pattern and differ by constraints, such as the host or a version. */
export function textOfRoute({ url, constraints, handler }: FastifyRouteLike): string {
  return `${url} ${JSON.stringify(constraints ?? {}, (_, value) => (value instanceof RegExp ? String(value) : value))} ${codeOf([handler])}`;
}

/** Gives the handler the address that is in the key. */
function rewrite(request: FastifyRequestLike, raw: IncomingMessage, address: Address): () => void {
  const [target = '', url = ''] = address.urls;
  const to = request as { query?: unknown; originalUrl: string };
  const before = { query: to.query, url: raw.url, target: request.originalUrl };
  if (before.url === url && before.target === target && address.order === undefined) return () => {};
  raw.url = url;
  if ('originalUrl' in raw) raw.originalUrl = target;
  // Fastify keeps the first answer of its own getter.
  Object.defineProperty(request, 'originalUrl', { configurable: true, value: target });
  if (typeof before.query === 'object' && before.query !== null) to.query = queryOf(before.query, address);
  return () => {
    if (before.url !== undefined) raw.url = before.url;
    if ('originalUrl' in raw) raw.originalUrl = before.target;
    Reflect.deleteProperty(request, 'originalUrl');
    to.query = before.query;
  };
}

/** Returns `reply.locals`, where plugins leave values for templates. */
function localsOf(reply: object): object {
  return ('locals' in reply ? (reply.locals as object | undefined) : undefined) ?? {};
}

export function send(reply: FastifyReplyLike, { status, headers, removed, body }: Reply): void {
  for (const name of removed) reply.removeHeader(name);
  for (const [name, value] of Object.entries(headers)) reply.header(name, value);
  reply.code(status);
  if (status === 304 || body.length === 0) reply.send();
  // Fastify adds a content type to every buffer but to no stream.
  else reply.send('content-type' in headers ? body : Readable.from([body]));
}
