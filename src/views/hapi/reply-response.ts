import type { Headers, Reply } from '../http/exchange.ts';
import type { HapiResponse, HapiToolkit, WholeRequest } from './lifecycle.ts';

/** Returns the response with which hapi answers in place of the handler. */
export function responseOf(
  request: WholeRequest,
  h: HapiToolkit,
  { status, headers, removed, body }: Reply,
): HapiResponse {
  for (const name of removed) request.raw.res.removeHeader(name);
  const response = h.response(status === 304 || body.length === 0 ? undefined : sourceOf(request, headers, body));
  for (const [name, value] of Object.entries(headers)) {
    // hapi counts by itself: it may compress, or change data.
    if (name.toLowerCase() !== 'content-length') response.header(name, value);
  }
  return response.code(status).takeover();
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
