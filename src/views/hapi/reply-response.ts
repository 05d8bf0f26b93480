import type { Headers, Reply } from '../http/exchange.ts';
import { textOf } from '../http/stored-view.ts';
import { hasConditions, withoutConditions } from '../reads/watched-headers.ts';
import type { HapiResponse, HapiToolkit, WholeRequest } from './lifecycle.ts';

/** Returns the response with which hapi answers in place of the handler. */
export function responseOf(
  request: WholeRequest,
  h: HapiToolkit,
  { status, headers, removed, body, isText }: Reply,
): HapiResponse {
  for (const name of removed) request.raw.res.removeHeader(name);
  const response = h.response(
    status === 304 || body.length === 0 ? undefined : sourceOf(request, headers, isText ? textOf(body) : body),
  );
  for (const [name, value] of Object.entries(headers)) {
    // hapi counts by itself: it may compress, or change data.
    if (name.toLowerCase() !== 'content-length') response.header(name, value);
  }
  // hapi has defaults for these, and would not look at what extensions have set on Node's response.
  for (const name of ['cache-control', 'content-type']) {
    const before = request.raw.res.getHeader(name);
    if (before !== undefined && response.headers[name] === undefined) response.header(name, before);
  }
  // The type is written as it was.
  return response.charset('').code(status).takeover();
}

/** Hides the request's conditions from hapi, which would look at them again, whatever the status. */
export function hideConditions(request: WholeRequest): void {
  const { headers } = request;
  if (!hasConditions(headers)) return;
  const shown = withoutConditions(headers);
  const to = request as { headers: object };
  to.headers = shown;
  const restore = (): void => {
    if (to.headers === shown) to.headers = headers;
  };
  request.raw.res.once('finish', restore);
  request.raw.res.once('close', restore);
}

/** Text is passed on as text and data as data, because validations and extensions outside may work on it. */
function sourceOf({ route }: WholeRequest, headers: Headers, body: Buffer | string): unknown {
  if (typeof body !== 'string') return body;
  const isFormatted = Object.values(route.settings.json ?? {}).some((setting) => setting !== null && setting !== false);
  if (isFormatted || !/^application\/json\b/.test(String(headers['content-type'] ?? ''))) return body;
  try {
    const data: unknown = JSON.parse(body);
    return typeof data === 'object' && data !== null && JSON.stringify(data) === body ? data : body;
  } catch {
    return body;
  }
}
