import type { IncomingHttpHeaders } from 'node:http';
import type { ReadRecorder } from '../http/exchange.ts';
import { SESSION, SESSION_ID } from '../reads/read-names.ts';
import { watchedCookies } from '../reads/watched-cookies.ts';
import { watchedHeaders } from '../reads/watched-headers.ts';
import type { WholeRequest } from './lifecycle.ts';

/** Chooses the coding of an answer; undefined as long as the handler asks. */
export type Coding = (asked: string | null) => string | null | undefined;

/**
 * Records reads of what hapi keeps apart from Node's request: headers, cookies, the session, and these as they were
 * before a validation.
 *
 * @param coding returns the coding that hapi is to choose, once the handler has answered, of those that the client takes
 */
export function watchRequest(request: WholeRequest, coding: Coding, reads: ReadRecorder): () => void {
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
    undo.push(replace(request, 'yar', { get }), watchId(yar, reads));
  }
  // It is another for each request.
  const { id } = info;
  const getId = () => {
    reads.readAll('info.id');
    return id;
  };
  // It was made from these.
  const { referrer } = info;
  const getReferrer = () => {
    for (const name of ['referrer', 'referer']) reads.readHeader(name);
    return referrer;
  };
  undo.push(replace(info, 'id', { get: getId }), replace(info, 'referrer', { get: getReferrer }));
  undo.push(silenceLog(request, reads));
  const { acceptEncoding } = info;
  const get = () => {
    const chosen = coding(acceptEncoding);
    if (chosen !== undefined) return chosen;
    reads.readHeader('accept-encoding');
    return acceptEncoding;
  };
  undo.push(replace(info, 'acceptEncoding', { get }));
  return () => {
    for (const one of undo) one();
  };
}

/** Records reads of the id of yar's session, which yar itself replaces when the session begins anew. */
function watchId(yar: unknown, reads: ReadRecorder): () => void {
  if (typeof yar !== 'object' || yar === null || !Object.hasOwn(yar, 'id')) return () => {};
  let { id } = yar as { id: unknown };
  const get = () => {
    reads.read(SESSION_ID);
    return id;
  };
  const set = (given: unknown) => {
    id = given;
  };
  const undo = replace(yar, 'id', { get, set });
  return () => {
    undo();
    if (Object.getOwnPropertyDescriptor(yar, 'id')?.writable) (yar as { id: unknown }).id = id;
  };
}

/** What is read for an entry of the log shapes no page. */
function silenceLog(request: WholeRequest, reads: ReadRecorder): () => void {
  const { log } = request;
  if (Object.hasOwn(request, 'log') || typeof log !== 'function') return () => {};
  const value = (...args: unknown[]) => reads.silently(() => log.apply(request, args));
  Object.defineProperty(request, 'log', { configurable: true, writable: true, value });
  return () => {
    if (Object.getOwnPropertyDescriptor(request, 'log')?.value === value) Reflect.deleteProperty(request, 'log');
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
