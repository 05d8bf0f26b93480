import { traceHeader, tracePersonal } from './door.ts';
import { type Dict, distinctOf, isFound, nodes, rawOf, type Scope } from './reads.ts';

const PERSONAL: ReadonlySet<string> = new Set(['cookie', 'authorization']);

/** Reads one header, or finds out something about it, in one of many ways. */
export function headerRead(scope: Scope, holder: Dict, name: string, by: string): unknown {
  const value = found(scope, holder, name, by);
  const isThere = by === 'size' || by === 'destructured' ? rawOf(holder, name).length > 0 : isFound(value);
  if (PERSONAL.has(name) && isThere) tracePersonal(name);
  traceHeader(name);
  return value;
}

function found(scope: Scope, holder: Dict, name: string, by: string): unknown {
  const { framework, request } = scope;
  const headers = holder.headers as Record<string, string>;
  switch (by) {
    case 'get': {
      if (framework === 'fastify' || framework === 'hapi') return headers[name];
      return (request.get as (name: string) => unknown).call(request, name);
    }
    case 'in':
      return name in headers;
    case 'hasOwn':
      return Object.hasOwn(headers, name);
    case 'keys':
      return Object.keys(headers).includes(name);
    case 'ownKeys':
      return Reflect.ownKeys(headers).includes(name);
    case 'spread':
      return { ...headers }[name];
    case 'assign':
      return (Object.assign({}, headers) as Dict)[name];
    case 'entries':
      return Object.entries(headers).find(([own]) => own === name)?.[1];
    case 'forIn': {
      for (const own in headers) if (own === name) return headers[own];
      return undefined;
    }
    case 'json':
      return (JSON.parse(JSON.stringify(headers)) as Dict)[name];
    case 'descriptor':
      return Object.getOwnPropertyDescriptor(headers, name)?.value;
    case 'destructured': {
      const { [name]: own, ...others } = headers;
      return [own, Object.keys(others).length];
    }
    case 'Headers':
      return new Headers(headers).get(name);
    case 'size':
      return Object.keys(headers).length;
    case 'raw':
      return rawOf(holder, name).join();
    case 'distinct':
      return distinctOf(holder, name);
    case 'accepts':
      return accepted(scope, name) ?? headers[name];
    case 'all':
      if ([...PERSONAL].some((own) => isFound(headers[own]))) tracePersonal('all headers');
      return JSON.stringify(headers);
    case 'rawAll':
      if ([...PERSONAL].some((own) => rawOf(holder, own).length > 0)) tracePersonal('all headers');
      return JSON.stringify(nodes(holder).rawHeaders);
    default:
      return headers[name];
  }
}

/** What Express and Koa say that a request would like. */
function accepted({ framework, request }: Scope, name: string): unknown {
  if (framework === 'fastify' || framework === 'hapi') return undefined;
  const ask = (method: string, ...args: string[]) =>
    (request[method] as (...args: string[]) => unknown).call(request, ...args);
  if (name === 'accept-language') return ask('acceptsLanguages', 'en', 'de');
  if (name === 'accept') return ask('accepts', 'html', 'json');
  if (name === 'x-requested-with') return request.xhr;
  if (name === 'if-none-match') return request.fresh;
  return undefined;
}
