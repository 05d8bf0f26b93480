import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Ambient } from '../render/ambient.ts';

/** A request that this process handles or has handled. Holds on to nothing of it, because what it has begun may live for long. */
interface Handled {
  readonly method: string;
  readonly target: string;
  readonly response: WeakRef<ServerResponse>;
}

const requests = new Ambient<Handled>();
let hears = false;

/** From here on, each HTTP server of this process tells which request its code handles. */
export function hearRequests(): void {
  if (hears) return;
  hears = true;
  subscribe('http.server.request.start', (message) => {
    const { request, response } = message as { readonly request: IncomingMessage; readonly response: ServerResponse };
    const { method = '', url = '' } = request;
    const handled: Handled = { method, target: url, response: new WeakRef(response) };
    requests.enter(handled);
    inContext(request, handled);
  });
}

/** Lets what listens to the body of a request belong to it: from Node 24 on it runs in the context in which the connection was made. */
function inContext(request: IncomingMessage, handled: Handled): void {
  const { emit } = request;
  // It may be called on an object that inherits from the request, with which frameworks hide parts of it.
  function value(this: IncomingMessage, ...event: Parameters<typeof emit>): boolean {
    return requests.run(handled, () => emit.apply(this, event));
  }
  Object.defineProperty(request, 'emit', { value, writable: true, configurable: true });
}

/**
 * Returns method and path of the request that the running code handles: `POST /comments/7`. Undefined once that is answered: a
 * connection or a timer that it has made works for others too.
 */
export function currentRequest(): string | undefined {
  const request = requests.current;
  const response = request?.response.deref();
  if (request === undefined || response === undefined || response.writableFinished || response.destroyed) {
    return undefined;
  }
  return `${request.method} ${pathOf(request.target)}`;
}

/** Runs work that is not of the request that happened to begin it, such as what a timer does for all. */
export function inNoRequest<T>(run: () => T): T {
  return requests.run(undefined, run);
}

/** What is behind a `?` may be secret, and so may be what a proxy is told in front of the host. */
function pathOf(target: string): string {
  const [path] = target.split('?', 1) as [string];
  return path.replace(/^[a-z][a-z\d+.-]*:\/\/[^/]*/i, '');
}
