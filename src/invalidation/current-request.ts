import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { Ambient } from '../render/ambient.ts';

/** Longest method and path that a cause keeps, in characters. */
const MAX_LINE = 200;

const requests = new Ambient<IncomingMessage>();
let hears = false;

/** From here on, each HTTP server of this process tells which request its code handles. */
export function hearRequests(): void {
  if (hears) return;
  hears = true;
  subscribe('http.server.request.start', (message) => {
    requests.enter((message as { readonly request: IncomingMessage }).request);
  });
}

/** Returns method and path of the request that the running code handles: `POST /comments/7`. What is behind a `?` may be secret. */
export function currentRequest(): string | undefined {
  const request = requests.current;
  if (request === undefined) return undefined;
  // Express shortens `url` in its routers.
  const { originalUrl = request.url ?? '' } = request as { readonly originalUrl?: string };
  return `${request.method} ${originalUrl.split('?', 1)[0]}`.slice(0, MAX_LINE);
}
