import type { IncomingHttpHeaders } from 'node:http';
import type { ReadRecorder } from '../http/exchange.ts';
import { SESSION } from '../reads/read-names.ts';
import { watchedHeaders } from '../reads/watched-headers.ts';
import { watchedCookies } from '../reads/watched-objects.ts';
import type { WholeRequest } from './lifecycle.ts';

/**
 * Records reads of what hapi keeps apart from Node's request: headers, cookies, the session, and these as they were
 * before a validation.
 *
 * @param coding returns the coding that hapi is to choose, once the handler has answered
 */
export function watchRequest(
  request: WholeRequest,
  coding: () => string | null | undefined,
  reads: ReadRecorder,
): () => void {
  const { headers, state, orig, info, yar } = request;
  const undo = [replace(request, 'headers', { value: watchedHeaders(headers, reads), writable: true })];
  if (state !== null) undo.push(replace(request, 'state', { value: watchedCookies(state, reads), writable: true }));
  const { headers: sent, state: parsed } = orig;
  if (sent !== undefined && sent !== null) {
    undo.push(replace(orig, 'headers', { value: watchedHeaders(sent as IncomingHttpHeaders, reads) }));
  }
  if (parsed !== undefined && parsed !== null)
    undo.push(replace(orig, 'state', { value: watchedCookies(parsed, reads) }));
  if (yar !== undefined) {
    const get = () => {
      reads.read(SESSION);
      return yar;
    };
    undo.push(replace(request, 'yar', { get }));
  }
  const { acceptEncoding } = info;
  const get = () => {
    const chosen = coding();
    if (chosen !== undefined) return chosen;
    reads.readHeader('accept-encoding');
    return acceptEncoding;
  };
  undo.push(replace(info, 'acceptEncoding', { get }));
  return () => {
    for (const one of undo) one();
  };
}

/** Puts another property in place of one, until the function that it returns is called. */
function replace(object: object, name: string, property: PropertyDescriptor): () => void {
  const before = Object.getOwnPropertyDescriptor(object, name);
  if (before?.configurable !== true) return () => {};
  Object.defineProperty(object, name, { configurable: true, enumerable: before.enumerable ?? false, ...property });
  const { get, value } = property;
  return () => {
    const now = Object.getOwnPropertyDescriptor(object, name);
    // The handler may have put something else there.
    if (now !== undefined && now.get === get && now.value === value) Object.defineProperty(object, name, before);
  };
}
