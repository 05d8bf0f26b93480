import { AsyncLocalStorage } from 'node:async_hooks';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the handler of one request took from its visitor, which no shared cache may keep. */
export interface Trace {
  personal: string | undefined;
  /** Names of headers that it has read, whether they are there or not. */
  headers: ReadonlySet<string>;
  /** The request as it came, where this one stands for it. */
  readonly real: Real | undefined;
}

/** What code outside of the cache sees of a request. */
export interface Real {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

const traces = new AsyncLocalStorage<Trace>();

/** Notes that the current request's handler has read something personal that was there. */
export function tracePersonal(what: string): void {
  const trace = traces.getStore();
  if (trace !== undefined) trace.personal ??= what;
}

/** Objects on which code outside has left that nobody is logged in. That they have the name of a visitor tells nothing of one. */
export const nobodies: WeakSet<object> = new WeakSet();

/** Notes that the current request's handler has read a header. */
export function traceHeader(name: string): void {
  const trace = traces.getStore();
  if (trace !== undefined) trace.headers = new Set([...trace.headers, name.toLowerCase()]);
}

/** Runs what stands outside of the cache: what that reads does not make a page personal. */
export function outside<T>(run: (real: Real | undefined) => T): T {
  const trace = traces.getStore();
  const before = { ...trace };
  const result = run(trace?.real);
  if (trace !== undefined) Object.assign(trace, before);
  return result;
}

/** A server that is kept while one site after the other stands behind it. */
export class Door {
  listener: RequestListener = (_request, response) => void response.end();
  /** What the next request stands for. */
  real: Real | undefined;
  readonly #server: Server;
  readonly #traces = new Map<number, Trace>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(): Promise<Door> {
    const server = createServer((request, response) => {
      const trace: Trace = { personal: undefined, headers: new Set(), real: door.real };
      door.#traces.set(request.socket.remotePort ?? 0, trace);
      traces.run(trace, () => door.listener(request, response));
    });
    server.keepAliveTimeout = 600_000;
    const door = new Door(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return door;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** What the latest request of a connection has left. */
  traceOf(localPort: number | undefined): Trace {
    return this.#traces.get(localPort ?? 0) ?? { personal: undefined, headers: new Set(), real: undefined };
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
