import type { IncomingMessage } from 'node:http';
import { CERTIFICATE, IP } from './read-names.ts';
import type { RequestReads } from './request-reads.ts';

/** What of a connection tells who is at its other end. */
const TELLING: ReadonlyMap<string, string> = new Map([
  ['remoteAddress', IP],
  ['remotePort', IP],
  ['remoteFamily', IP],
  ['address', IP],
  ['getPeerCertificate', CERTIFICATE],
  ['getPeerX509Certificate', CERTIFICATE],
  ['authorized', CERTIFICATE],
  ['servername', CERTIFICATE],
]);

/** Requests that are being handled on each connection. HTTP/1 clients may send several at once. */
const handled = new WeakMap<object, Set<RequestReads>>();

/** Records reads of the client's address and certificate, until the function that it returns is called. */
export function watchClient(incoming: object, reads: RequestReads): () => void {
  if ('stream' in incoming) return watchHttp2(incoming, reads);
  const { socket } = incoming as IncomingMessage;
  if (typeof socket !== 'object' || socket === null) return () => {};
  let all = handled.get(socket);
  if (all === undefined) {
    all = new Set();
    handled.set(socket, all);
    watchSocket(socket, all);
  }
  all.add(reads);
  return () => void all.delete(reads);
}

/** The connection outlives its requests, so it is watched once for all of them. */
function watchSocket(socket: object, all: ReadonlySet<RequestReads>): void {
  for (const [name, read] of TELLING) {
    if (!(name in socket)) continue;
    const own = Object.getOwnPropertyDescriptor(socket, name);
    if (own !== undefined && !own.configurable) continue;
    const parent = Object.getPrototypeOf(socket) as object;
    let value: unknown = own?.value;
    Object.defineProperty(socket, name, {
      configurable: true,
      enumerable: own?.enumerable ?? false,
      get() {
        for (const reads of all) reads.read(read);
        if (own === undefined) return Reflect.get(parent, name, socket);
        return own.get === undefined ? value : own.get.call(socket);
      },
      set(given: unknown) {
        if (own?.set !== undefined) own.set.call(socket, given);
        else value = given;
      },
    });
  }
}

/** All requests of an HTTP/2 connection share its socket, and each has a proxy of it. */
function watchHttp2(incoming: object, reads: RequestReads): () => void {
  const parent = Object.getPrototypeOf(incoming) as object;
  for (const name of ['socket', 'connection']) {
    Object.defineProperty(incoming, name, {
      configurable: true,
      get() {
        const socket: unknown = Reflect.get(parent, name, incoming);
        if (!reads.isRecording || typeof socket !== 'object' || socket === null) return socket;
        return new Proxy(socket, {
          get(target, key) {
            const read = TELLING.get(key as string);
            if (read !== undefined) reads.read(read);
            const value: unknown = Reflect.get(target, key);
            return typeof value === 'function' ? value.bind(target) : value;
          },
        });
      },
    });
  }
  return () => {
    for (const name of ['socket', 'connection']) Reflect.deleteProperty(incoming, name);
  };
}
