import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { watched } from '../../util/watched.ts';
import type { ReadRecorder } from '../http/exchange.ts';
import { ALL_HEADERS } from './read-names.ts';
import type { RequestReads } from './request-reads.ts';

/**
 * Headers that the cache answers for: a handler that saw them would make a part of the page, or none. It makes the
 * whole page, and the cache compares validators itself.
 */
const HIDDEN: ReadonlySet<string> = new Set([
  'if-none-match',
  'if-modified-since',
  'if-match',
  'if-unmodified-since',
  'if-range',
  'range',
  'cache-control',
  'pragma',
]);
/** Whether a request has headers that the cache answers for. */
export function hasConditions(headers: IncomingHttpHeaders): boolean {
  for (const name of HIDDEN) if (name in headers) return true;
  return false;
}

/** Returns the headers of a request without those that the cache answers for. */
export function withoutConditions(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HIDDEN.has(name)));
}

/** In the key of every view. */
const IN_KEY = 'host';

/** Records reads of a request's headers, until the function that it returns is called. */
export function watchHeaders(incoming: object, headers: IncomingHttpHeaders, reads: RequestReads): () => void {
  const shown = watchedHeaders(headers, reads);
  const { rawHeaders } = incoming as IncomingMessage;
  const parent = Object.getPrototypeOf(incoming) as object;
  // Node's request inherits its headers; those that tests and adapters make have their own.
  const names = ['headers', 'rawHeaders', 'headersDistinct'];
  const own = names.map((name) => [name, Object.getOwnPropertyDescriptor(incoming, name)] as const);
  Object.defineProperty(incoming, 'headers', { configurable: true, enumerable: true, writable: true, value: shown });
  watchAll(incoming, 'rawHeaders', reads, () => rawHeaders, rawWithoutConditions);
  // Node makes it of the raw headers when it is asked first, and keeps it.
  const distinct = () => Reflect.get(parent, 'headersDistinct', incoming) as IncomingHttpHeaders | undefined;
  if ('headersDistinct' in incoming)
    watchAll(incoming, 'headersDistinct', reads, distinct, (all) => all && withoutConditions(all));
  return () => {
    for (const [name, property] of own) {
      if (property === undefined) Reflect.deleteProperty(incoming, name);
      else Object.defineProperty(incoming, name, property);
    }
  };
}

/** Puts a getter of all headers in the place of another. While reads are recorded, it leaves out conditions. */
function watchAll<T>(incoming: object, name: string, reads: RequestReads, all: () => T, shown: (all: T) => T): void {
  Object.defineProperty(incoming, name, {
    configurable: true,
    enumerable: name === 'rawHeaders',
    get() {
      if (!reads.isRecording) return all();
      reads.readAll(ALL_HEADERS);
      return shown(reads.silently(all));
    },
  });
}

function rawWithoutConditions(raw: string[]): string[] {
  return raw.filter((_, i) => !HIDDEN.has((raw[i - (i % 2)] as string).toLowerCase()));
}

/** Returns headers that record each read of one of them. */
export function watchedHeaders(headers: IncomingHttpHeaders, reads: ReadRecorder): IncomingHttpHeaders {
  // A proxy must show all that an object has which was frozen or sealed.
  const shown = Object.isExtensible(headers) ? headers : { ...headers };
  return watched(shown, {
    member(name) {
      // Node writes names in lower case, so that no client can send the name of a method of objects but `constructor`.
      const isMethod = name in Object.prototype && name !== 'constructor' && !Object.hasOwn(headers, name);
      if (name !== IN_KEY && !isMethod) reads.readHeader(name);
    },
    all: () => reads.readAll(ALL_HEADERS),
    isHidden: (name) => HIDDEN.has(name) && reads.isRecording,
  });
}
