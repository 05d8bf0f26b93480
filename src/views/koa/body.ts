import type { Headers, Reply } from '../http/exchange.ts';
import { textOf as bodyText } from '../http/stored-view.ts';
import type { KoaContext } from './context.ts';

export function isStream(body: unknown): boolean {
  if (typeof body !== 'object' || body === null) return false;
  return 'pipe' in body || 'getReader' in body || body instanceof Blob || body instanceof Response;
}

/** Returns what Koa sends for an object or bytes if no middleware changes them; undefined for other bodies. */
export function textOf(body: unknown): Buffer | undefined {
  if (typeof body !== 'object' || body === null || isStream(body)) return undefined;
  // Middleware outside may change the bytes in their place.
  if (body instanceof Uint8Array) return Buffer.from(body);
  try {
    return Buffer.from(JSON.stringify(body));
  } catch {
    return undefined;
  }
}

/** Returns the data that a handler gave for a body, if that is written as Koa writes it. */
function dataOf(text: string, headers: Headers): unknown {
  if (!/^application\/json\b/.test(String(headers['content-type'] ?? ''))) return text;
  try {
    const data: unknown = JSON.parse(text);
    return typeof data === 'object' && data !== null && JSON.stringify(data) === text ? data : text;
  } catch {
    return text;
  }
}

/** Calls `given` whenever the response gets a body. */
export function watchBody(response: object, given: () => void): void {
  const parent = Object.getPrototypeOf(response) as object;
  Object.defineProperty(response, 'body', {
    configurable: true,
    enumerable: true,
    get(this: object) {
      return Reflect.get(parent, 'body', this);
    },
    set(this: object, body: unknown) {
      given();
      Reflect.set(parent, 'body', body, this);
    },
  });
}

export function send(context: KoaContext, { status, headers, removed, body, isText }: Reply): void {
  context.status = status;
  for (const [name, value] of Object.entries(headers)) {
    context.set(name, Array.isArray(value) ? value : String(value));
  }
  const hadType = context.res.hasHeader('Content-Type');
  // Pass text on as text and data as data, because outer middleware may work on it.
  context.body = status === 304 ? null : isText ? dataOf(bodyText(body), headers) : body;
  // Koa sets a type for every body.
  if (!hadType && !('content-type' in headers)) context.remove('Content-Type');
  for (const name of removed) context.remove(name);
}
