import type { ServerResponse } from 'node:http';
import type { Headers } from './http/exchange.ts';
import { text } from './http/header-text.ts';
import type { ViewSettings } from './options.ts';
import type { Views } from './views.ts';

/** Methods that change nothing: RFC 9110, section 9.2.1. */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** The views that requests may change, each with whether it has views that all hosts share. */
const known = new Map<WeakRef<Views>, { ignoreHost: boolean }>();

/** An unsafe request, as far as it tells which views it has changed. */
export interface Write {
  readonly method: string | undefined;
  readonly protocol: string;
  readonly host: string;
  /** Path and query. */
  readonly target: string;
}

/** Notes that unsafe requests change the views of these settings. */
export function expireOnWrite({ views, ignoreHost, invalidateOnWrite }: ViewSettings): void {
  if (!invalidateOnWrite) return;
  for (const [other, rule] of known) {
    if (other.deref() !== views) continue;
    rule.ignoreHost ||= ignoreHost;
    return;
  }
  known.set(new WeakRef(views), { ignoreHost });
}

export function isUnsafe(method: string): boolean {
  return !SAFE.has(method);
}

/** Whether a request may change views. */
export function mayWrite(method: string | undefined): boolean {
  return known.size > 0 && isUnsafe(method ?? 'GET');
}

/**
 * Expires the views of an address that an unsafe request was answered at, and those of the same origin that its answer
 * names in Location and Content-Location: RFC 9111, section 4.4. Resolves when that is acknowledged, or reported.
 */
export async function expireWritten(write: Write, status: number, headers: Headers): Promise<void> {
  if (status < 200 || status >= 400) return;
  const paths = new Set([write.target, ...namedPaths(write, headers)]);
  const expiring: Promise<unknown>[] = [];
  for (const [reference, { ignoreHost }] of known) {
    const views = reference.deref();
    if (views === undefined) known.delete(reference);
    else if (views.isEnabled) expiring.push(views.expireWritten(paths, ignoreHost ? undefined : write.host));
  }
  await Promise.all(expiring);
}

function namedPaths({ protocol, host, target }: Write, headers: Headers): string[] {
  try {
    const own = new URL(target, `${protocol}://${host}`);
    return ['location', 'content-location'].flatMap((name) => {
      if (headers[name] === undefined) return [];
      const named = new URL(text(headers[name]), own);
      return named.origin === own.origin ? [named.pathname] : [];
    });
  } catch {
    return [];
  }
}

const watched = new WeakSet<object>();

/**
 * Holds back the end of the answer to an unsafe request until the views that it has changed are expired, so that whoever
 * has the answer sees the change. What is written before the end is not held back, and expires views as well: whoever has
 * read the first part may ask for them. But data may be changed after it, so the end expires them in any case.
 */
export function watchWrite(response: ServerResponse, write: () => Write, headers: () => Headers): void {
  if (watched.has(response)) return;
  watched.add(response);
  const { end, write: writeChunk } = response;
  const expire = () => expireWritten(write(), response.statusCode, headers());
  let isBegun = false;
  const written = function (this: ServerResponse, ...args: unknown[]) {
    if (!isBegun) void expire();
    isBegun = true;
    return writeChunk.apply(this, args as never);
  };
  const ended = function (this: ServerResponse, ...args: unknown[]) {
    response.end = end;
    response.write = writeChunk;
    if (this.statusCode < 200 || this.statusCode >= 400) return end.apply(this, args as never);
    const expiring = expire();
    // Whoever looks behind `end` finds the head sent, as usual.
    if (!this.headersSent) {
      const [body] = args;
      const hasLength = this.hasHeader('Content-Length') || this.hasHeader('Transfer-Encoding');
      const length = typeof body === 'string' || body instanceof Uint8Array ? Buffer.byteLength(body) : 0;
      if (!hasLength && this.statusCode !== 204 && this.statusCode !== 304) this.setHeader('Content-Length', length);
      this.writeHead(this.statusCode);
    }
    response.end = () => this;
    void expiring.then(() => {
      response.end = end;
      end.apply(this, args as never);
    });
    return this;
  };
  response.write = written as ServerResponse['write'];
  response.end = ended as ServerResponse['end'];
}
