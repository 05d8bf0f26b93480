import type { ServerResponse } from 'node:http';
import { onClosed } from './closed-sockets.ts';
import { CollectedBody } from './collected-body.ts';
import { makeNotModified } from './conditional.ts';
import type { Headers } from './exchange.ts';
import { isHeadSent, reportAsSent, setGiven } from './raw-head.ts';

/** A response that is about to be sent. */
export interface Head {
  readonly status: number;
  readonly headers: Headers;
  /** The whole body, if it is sent in one piece with the head. */
  readonly body: Buffer | undefined;
}

/** A response that was sent. */
export interface Sent {
  readonly status: number;
  /** Headers as they came from inside, before outer middleware changed them. */
  readonly headers: Headers;
  /** Headers when the head had been sent; outer middleware may have changed them. */
  readonly sentHeaders: Headers;
  /** Undefined if it was larger than the limit, or not wanted. */
  readonly body: Buffer | undefined;
  /** Undefined if the response is complete. */
  readonly fault: 'aborted' | 'incomplete' | 'trailers' | undefined;
}

export interface ResponseEvents {
  /** Whether the body may still be stored. Once it is false, the body is forgotten. */
  readonly wantsBody: boolean;
  /**
   * Called once before the head is sent; may still set headers.
   *
   * @returns whether the client has this answer already, so that it is sent 304
   */
  head(head: Head): boolean;
  /** Called with each chunk, in the asynchronous context of the code that sends it. */
  chunk(): void;
  /** Runs what stood in the response's methods before this recorder: middleware outside, and Node. */
  outside<T>(run: () => T): T;
  /** Called when the handler has written all of its answer. */
  ending(): void;
  /** Called once, when the response has ended or the connection is lost. */
  sent(sent: Sent): void;
}

type WriteHead = (status: number, ...rest: unknown[]) => ServerResponse;
type Write = (...args: unknown[]) => boolean;
type End = (...args: unknown[]) => ServerResponse;

/**
 * Records a response at the place of this middleware: an outer compression works on what is recorded, an inner one has
 * already worked on it. The receiver of the events handles its own errors, so that none reaches the response.
 *
 * @param maxBytes larger bodies are not recorded
 */
export function record(response: ServerResponse, maxBytes: number, events: ResponseEvents): void {
  const original = {
    writeHead: response.writeHead as WriteHead,
    write: response.write as Write,
    end: response.end as End,
    flushHeaders: response.flushHeaders,
    addTrailers: response.addTrailers,
  };
  const collected = new CollectedBody(maxBytes);
  let head: { readonly status: number; readonly headers: Headers } | undefined;
  let sentHeaders: Headers = {};
  let whole: Buffer | undefined;
  let message: string | undefined;
  let isHeadWritten = false;
  let isNotModified = false;
  let isEnding = false;
  let hasTrailers = false;
  let isDone = false;

  // Keep it: Node detaches the socket before `finish`.
  const { socket } = response;

  const take = (chunk: Buffer | undefined): void => {
    events.chunk();
    // A handler may write to a response whose client has left.
    if (!events.wantsBody || isDone) collected.drop();
    if (chunk !== undefined) collected.add(chunk);
  };

  /** Reports the head before anything is sent, and before outer middleware changes it. */
  const begin = (): void => {
    if (head !== undefined || isHeadSent(response)) return;
    // Inner middleware that changes the head in `writeHead` does so now.
    if (!isHeadWritten) response.writeHead(response.statusCode);
    // Node calls `writeHead` once more; inner middleware must not run twice.
    response.writeHead = writeHead;
    isNotModified = events.head({ status: response.statusCode, headers: headersOf(response), body: whole });
    head = { status: response.statusCode, headers: headersOf(response) };
    if (!events.wantsBody) collected.drop();
  };

  const writeHead = function writeHead(this: ServerResponse, status: number, ...rest: unknown[]) {
    if (head === undefined && !isHeadSent(response)) {
      // Hold the head back until the first chunk. If that is the whole body, the head can include its validator.
      isHeadWritten = true;
      [this.statusCode, message] = setGiven(this, [status, ...rest]);
      return this;
    }
    try {
      const given = rest.length === 0 && message !== undefined ? [message] : rest;
      return events.outside(() => original.writeHead.call(this, status, ...given));
    } finally {
      sentHeaders = headersOf(this);
    }
  } as ServerResponse['writeHead'];
  response.writeHead = writeHead;
  reportAsSent(response, () => isHeadWritten && head === undefined);

  const write = function (this: ServerResponse, ...args: unknown[]) {
    // HTTP/2 writes the last chunk through this method.
    if (!isEnding) take(toBuffer(args[0], args[1]));
    begin();
    return events.outside(() => original.write.apply(this, args));
  } as ServerResponse['write'];
  response.write = write;

  const end = function (this: ServerResponse, ...args: unknown[]) {
    if (isEnding) return original.end.apply(this, args);
    const last = toBuffer(args[0], args[1]);
    take(last);
    if (head === undefined) whole = last ?? Buffer.alloc(0);
    isEnding = true;
    begin();
    events.ending();
    if (!isNotModified) return original.end.apply(this, args);
    makeNotModified(this);
    message = undefined;
    return original.end.apply(
      this,
      args.filter((argument) => typeof argument === 'function'),
    );
  } as ServerResponse['end'];
  response.end = end;

  const flushHeaders: ServerResponse['flushHeaders'] = function (this: ServerResponse) {
    begin();
    events.outside(() => original.flushHeaders.call(this));
  };
  response.flushHeaders = flushHeaders;

  const addTrailers: ServerResponse['addTrailers'] = function (this: ServerResponse, ...args) {
    hasTrailers = true;
    return original.addTrailers.apply(this, args);
  };
  response.addTrailers = addTrailers;

  const done = (isFlushed: boolean): void => {
    if (isDone) return;
    isDone = true;
    forget?.();
    const body = collected.take();
    const { status, headers } = head ?? { status: response.statusCode, headers: {} };
    // HTTP/2 emits `finish` whatever ended the stream.
    const { stream } = response as { readonly stream?: { readonly aborted?: boolean; readonly rstCode?: number } };
    // HTTP/1 emits it even if the connection was lost.
    const isLost = stream === undefined ? socket?.destroyed === true : stream.aborted === true || stream.rstCode !== 0;
    const isAborted = !isFlushed || isLost;
    const length = headers['content-length'];
    const isIncomplete =
      !isEnding || head === undefined || (length !== undefined && Number(length) !== collected.bytes);
    const fault = isAborted ? 'aborted' : isIncomplete ? 'incomplete' : hasTrailers ? 'trailers' : undefined;
    events.sent({ status, headers, sentHeaders, body, fault });
  };
  // Node tells nothing of an answer whose turn on its connection has not come.
  const own = socket ?? response.req?.socket;
  const forget = socket === null && own ? onClosed(own, () => done(false)) : undefined;
  response.once('finish', () => done(true));
  response.once('close', () => done(false));
  // It has said so already: the client left while the view was looked for.
  const { stream } = response as { readonly stream?: { readonly destroyed: boolean } };
  if (response.destroyed || stream?.destroyed === true || (stream === undefined && own?.destroyed === true))
    done(false);
}

/** Returns all headers set so far, with names in lower case. */
export function headersOf(response: ServerResponse): Headers {
  // An own method may be one that records what handlers read.
  const { getHeaders } = Object.getPrototypeOf(response) as ServerResponse;
  return { ...getHeaders.call(response) } as Headers;
}

function toBuffer(chunk: unknown, encoding: unknown): Buffer | undefined {
  if (typeof chunk === 'string') {
    return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
  }
  return chunk instanceof Uint8Array ? Buffer.from(chunk) : undefined;
}
