import { nobodies, tracePersonal } from './door.ts';
import { headerRead } from './header-reads.ts';
import type { Framework, Read } from './program.ts';

export type Dict = Record<string, unknown>;

/** Where the handler of one request finds things, as its framework calls them. */
export interface Scope {
  readonly framework: Framework;
  /** `req`, `request` or `ctx`. */
  readonly request: Dict;
  /** All objects on which a handler may find the request's headers. */
  holders(): readonly Dict[];
  locals(): Dict;
}

/** Every way in which something is read; a framework that has none of this name uses its nearest. */
export const WAYS: Readonly<Record<Read['of'], readonly string[]>> = {
  header: [
    ...['index', 'get', 'in', 'hasOwn', 'keys', 'ownKeys', 'spread', 'assign', 'entries', 'forIn', 'json'],
    ...['descriptor', 'Headers', 'raw', 'distinct', 'accepts', 'all', 'rawAll', 'destructured', 'size'],
  ],
  cookie: ['parsed', 'in', 'json', 'keys', 'header', 'raw', 'distinct'],
  query: ['object', 'in', 'keys', 'json', 'spread', 'url', 'originalUrl', 'URL', 'rawUrl', 'search', 'hasOwn'],
  address: ['url', 'originalUrl', 'rawUrl', 'path', 'params', 'href', 'search', 'baseUrl'],
  host: ['host', 'hostname', 'protocol', 'secure', 'subdomains', 'origin', 'header', 'raw'],
  ip: ['ip', 'ips', 'socket'],
  locals: ['index', 'in', 'keys', 'json', 'spread', 'hasOwn', 'field', 'call'],
  property: ['index', 'in', 'hasOwn', 'keys', 'spread', 'descriptor', 'field', 'call'],
  session: ['index', 'json', 'in'],
};

/** Does what one step says, and returns what it found. */
export function read(scope: Scope, { of, name, by, at }: Read): unknown {
  const holders = scope.holders();
  const holder = holders[at % holders.length] as Dict;
  switch (of) {
    case 'header':
      return headerRead(scope, holder, name, by);
    case 'cookie':
      return personal('cookie', cookie(scope, holder, name, by));
    case 'query':
      return query(scope, name, by);
    case 'address':
      return address(scope, by);
    case 'host':
      return host(scope, holder, by);
    case 'ip':
      return personal('ip', ip(scope, by));
    case 'locals':
      return visitor(scope.locals(), name, by);
    case 'property':
      return visitor(scope.request, name, by);
    case 'session':
      return personal('session', session(scope, name, by));
  }
}

export function isFound(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && value !== '';
}

function personal(what: string, value: unknown): unknown {
  if (isFound(value)) tracePersonal(what);
  return value;
}

function visitor(holder: Dict, name: string, by: string): unknown {
  const value = member(holder, name, by);
  return name === 'user' && !nobodies.has(holder) ? personal('visitor', value) : value;
}

function cookie(scope: Scope, holder: Dict, name: string, by: string): unknown {
  const own = (text: unknown) => new RegExp(`(?:^|; ?)${name}=([^;]*)`).exec(String(text ?? ''))?.[1];
  if (by === 'header') return own((holder.headers as Dict).cookie);
  if (by === 'raw') return own(rawOf(holder, 'cookie').join('; '));
  if (by === 'distinct') return own(distinctOf(holder, 'cookie')?.join('; '));
  if (scope.framework === 'koa') return (scope.request.cookies as { get(name: string): unknown }).get(name);
  const cookies = (scope.request.cookies ?? {}) as Dict;
  if (by === 'in') return name in cookies;
  if (by === 'keys') return Object.keys(cookies).includes(name);
  if (by === 'json') return (JSON.parse(JSON.stringify(cookies)) as Dict)[name];
  return cookies[name];
}

function query({ framework, request }: Scope, name: string, by: string): unknown {
  const search = (url: unknown) => new URLSearchParams(String(url).split('?')[1] ?? '').getAll(name).join();
  if (by === 'url') return search(request.url);
  if (by === 'originalUrl') return search(request.originalUrl);
  if (by === 'rawUrl') return search(((request.raw ?? request.req ?? request) as Dict).url);
  if (by === 'URL' || by === 'search') {
    if (framework !== 'koa') return search(new URL(String(request.originalUrl), 'http://base').search);
    return by === 'search' ? search(request.search) : (request.URL as URL).searchParams.getAll(name).join();
  }
  const all = request.query as Dict;
  if (by === 'in') return name in all;
  if (by === 'hasOwn') return Object.hasOwn(all, name);
  if (by === 'keys') return Object.keys(all).join();
  if (by === 'json') return JSON.stringify(all);
  if (by === 'spread') return { ...all }[name];
  return all[name];
}

function address({ framework, request }: Scope, by: string): unknown {
  if (by === 'originalUrl') return request.originalUrl;
  if (by === 'rawUrl') return ((request.raw ?? request.req ?? request) as Dict).url;
  if (by === 'params') return JSON.stringify(request.params);
  if (framework === 'koa' && (by === 'href' || by === 'search')) return request[by];
  if (by === 'path' || by === 'baseUrl') return request[by] ?? request.url;
  return request.url;
}

function host({ framework, request }: Scope, holder: Dict, by: string): unknown {
  if (by === 'header') return (holder.headers as Dict).host;
  if (by === 'raw') return rawOf(holder, 'host').join();
  if (by === 'protocol' || by === 'hostname') return request[by];
  if (framework === 'fastify') return by === 'secure' ? request.protocol : request.host;
  if (framework !== 'koa' && by === 'origin') return request.protocol;
  // Express 4 prints a warning for `host`.
  if (framework === 'express4' && by === 'host') return request.hostname;
  return request[by];
}

function ip({ request }: Scope, by: string): unknown {
  if (by === 'socket') return ((request.socket ?? (request.req as Dict)?.socket) as Dict | undefined)?.remoteAddress;
  return request[by] ?? request.ip;
}

/** A member of the locals or of the request, which is a big object: only its own names are told. */
function member(holder: Dict, name: string, by: string): unknown {
  if (by === 'in') return name in holder;
  if (by === 'hasOwn') return Object.hasOwn(holder, name);
  if (by === 'keys') return Object.keys(holder).includes(name);
  if (by === 'json') return (JSON.parse(JSON.stringify({ ...holder })) as Dict)[name];
  if (by === 'spread') return { ...holder }[name];
  if (by === 'descriptor') {
    const found = Object.getOwnPropertyDescriptor(holder, name);
    return found?.get === undefined ? found?.value : found.get.call(holder);
  }
  const value = holder[name];
  if (by === 'field') return (value as Dict | null | undefined)?.value;
  return typeof value === 'function' ? value() : value;
}

function session({ request }: Scope, name: string, by: string): unknown {
  const held = request.session as Dict | undefined;
  if (held === undefined) return undefined;
  if (by === 'in') return name in held;
  if (by === 'index') return held[name];
  const { cookie: _, ...others } = JSON.parse(JSON.stringify(held)) as Dict;
  return Object.keys(others).length === 0 ? undefined : others;
}

export function rawOf(holder: Dict, name: string): string[] {
  const raw = nodes(holder).rawHeaders as string[];
  return raw.filter((_, i) => i % 2 === 1 && raw[i - 1]?.toLowerCase() === name);
}

export function distinctOf(holder: Dict, name: string): string[] | undefined {
  return (nodes(holder).headersDistinct as Record<string, string[]>)[name];
}

/** Node's own request, below the framework's. */
export function nodes(holder: Dict): Dict {
  return 'rawHeaders' in holder ? holder : ((holder.raw ?? holder.req) as Dict);
}

/** A value as the page shows it. */
export function text(value: unknown): string {
  if (value instanceof Map) return JSON.stringify([...value]);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
