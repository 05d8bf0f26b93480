import type { OutgoingHttpHeader } from 'node:http';
import { watched } from '../../util/watched.ts';
import type { Headers } from '../http/exchange.ts';
import { NOT_IN_KEY, setRead } from './read-names.ts';
import type { RequestReads } from './request-reads.ts';

type Method = (this: object, ...args: unknown[]) => unknown;
/** Methods of a response whose first argument is the name of a header that they tell of. */
const OF_ONE = ['getHeader', 'hasHeader', 'appendHeader'] as const;

/** Methods that set a header. Each framework has one that all its others call. */
export type Setter = 'setHeader' | 'header';

/**
 * Records reads of headers that middleware has set on the response, until the function that it returns is called.
 *
 * @param before the headers, with names in lower case
 * @param setter the method by which handlers set a header, if it is one of this object. Whoever sets what is there already
 * leaves no trace in the answer, so that it counts as a read: where middleware has set something else, the answer differs
 */
export function watchResponse(response: object, before: Headers, reads: RequestReads, setter?: Setter): () => void {
  const note = (name: unknown): void => {
    const key = String(name).toLowerCase();
    // An answer that sets a cookie is not stored. Of other headers the names are in the key.
    if (key === 'set-cookie') return;
    if (NOT_IN_KEY.has(key) || Object.hasOwn(before, key)) reads.readValue(setRead(key), before[key]);
  };
  const undo = OF_ONE.map((name) =>
    replace(response, name, (original) => {
      return function (...args) {
        note(args[0]);
        return original.apply(this, args);
      };
    }),
  );
  if (setter !== undefined) {
    undo.push(
      replace(response, setter, (original) => {
        return function (...args) {
          const [name, value] = args;
          if (textOf(value) === textOf(before[String(name).toLowerCase()])) note(name);
          return original.apply(this, args);
        };
      }),
    );
  }
  undo.push(
    replace(response, 'getHeaders', (original) => {
      return function () {
        const all = original.call(this) as Record<string, OutgoingHttpHeader>;
        return reads.isRecording ? watched(all, { member: note, all() {} }) : all;
      };
    }),
  );
  return () => {
    for (const one of undo) one();
  };
}

/** Returns a header's value as it is sent. */
function textOf(value: unknown): string {
  return Array.isArray(value) ? value.join(', ') : String(value);
}

function replace(response: object, name: string, make: (original: Method) => Method): () => void {
  const original = (response as Readonly<Record<string, unknown>>)[name];
  if (typeof original !== 'function') return () => {};
  const own = Object.getOwnPropertyDescriptor(response, name);
  const method = make(original as Method);
  Object.defineProperty(response, name, { configurable: true, writable: true, value: method });
  return () => {
    if (Object.getOwnPropertyDescriptor(response, name)?.value !== method) return;
    if (own === undefined) Reflect.deleteProperty(response, name);
    else Object.defineProperty(response, name, own);
  };
}
