import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { text } from '../../views/http/header-text.ts';
import { keepFromAll } from '../../views/http/personal-headers.ts';
import { setGiven } from '../../views/http/raw-head.ts';

type HeadArguments = [status: number, ...rest: unknown[]];
type Method = (...args: unknown[]) => unknown;

/** What becomes of an answer. */
export interface AnswerEvents {
  /**
   * The answer is a whole html page, and nothing of it was sent.
   *
   * @returns the page to send in its place; undefined to send it as it is
   */
  page(html: string, response: ServerResponse): string | undefined;
  /** The head is about to be sent, whatever the answer is. */
  head(response: ServerResponse): void;
  /** `page` has failed. */
  failed(error: unknown): void;
}

/** A longer page, before and after decompression, is sent as it is, in bytes. */
const MAX_BYTES = 4 * 1024 * 1024;

const LIMIT = { maxOutputLength: MAX_BYTES };
const CODINGS: Readonly<Record<string, (body: Buffer) => Buffer>> = {
  gzip: (body) => gunzipSync(body, LIMIT),
  deflate: (body) => inflateSync(body, LIMIT),
  br: (body) => brotliDecompressSync(body, LIMIT),
};

/** Headers that describe the bytes of a body. */
const OF_BYTES = ['Content-Encoding', 'Accept-Ranges', 'Content-MD5', 'Digest', 'Content-Digest', 'Repr-Digest'];

/**
 * Holds back the answer to a request if it is an html page, and changes it. It works on Node's response, so that it is the same for all
 * frameworks: what stands in front of their handlers, such as a cache or a compression, has had its turn.
 */
export function holdHtml(request: IncomingMessage, response: ServerResponse, events: AnswerEvents): void {
  const writeHead = response.writeHead as unknown as (...args: HeadArguments) => ServerResponse;
  const write = response.write as unknown as Method;
  const end = response.end as unknown as Method;
  const { flushHeaders } = response;
  const chunks: Buffer[] = [];
  let bytes = 0;
  let state: 'waiting' | 'holding' | 'passing' = 'waiting';

  const pass = (): void => {
    state = 'passing';
    if (!response.headersSent) events.head(response);
  };
  const decide = (): void => {
    if (isPage(request, response)) state = 'holding';
    else pass();
  };
  /** Sends what was held back, and all that follows, as it is. */
  const release = (): void => {
    pass();
    for (const chunk of chunks.splice(0)) write.call(response, chunk);
  };
  const take = (chunk: unknown, encoding: unknown): void => {
    const buffer = bufferOf(chunk, encoding);
    if (buffer === undefined) return;
    chunks.push(buffer);
    bytes += buffer.length;
    if (bytes > MAX_BYTES) release();
  };
  /** Returns the page to send; undefined if it is sent as it is. */
  const changed = (): Buffer | undefined => {
    try {
      const html = htmlOf(Buffer.concat(chunks), text(response.getHeader('content-encoding')));
      const page = html === undefined ? undefined : events.page(html, response);
      return page === undefined ? undefined : Buffer.from(page);
    } catch (error) {
      events.failed(error);
      return undefined;
    }
  };

  response.writeHead = function held(this: ServerResponse, ...args: HeadArguments) {
    if (state === 'passing') return writeHead.apply(this, args);
    const [status, message] = setGiven(this, args);
    this.statusCode = status;
    if (message !== undefined) this.statusMessage = message;
    decide();
    return state === 'holding' ? this : writeHead.apply(this, message === undefined ? [status] : [status, message]);
  } as ServerResponse['writeHead'];

  response.write = function held(this: ServerResponse, ...args: unknown[]) {
    if (state === 'waiting') decide();
    if (state === 'passing') return write.apply(this, args);
    take(args[0], args[1]);
    const done = args.find((arg) => typeof arg === 'function');
    if (done !== undefined) process.nextTick(done);
    return true;
  } as ServerResponse['write'];

  response.end = function held(this: ServerResponse, ...args: unknown[]) {
    if (state === 'waiting') decide();
    if (state === 'passing') return end.apply(this, args);
    take(args[0], args[1]);
    const done = args.filter((arg) => typeof arg === 'function');
    // It was too large.
    if ((state as string) === 'passing') return end.apply(this, done);
    const page = changed();
    state = 'passing';
    if (page !== undefined) {
      keepFromAll(this);
      for (const name of OF_BYTES) this.removeHeader(name);
      this.setHeader('Content-Length', page.length);
    }
    events.head(this);
    return end.call(this, page ?? Buffer.concat(chunks), ...done);
  } as ServerResponse['end'];

  // Who sends the head alone sends the body bit by bit.
  response.flushHeaders = function held(this: ServerResponse) {
    if (state !== 'passing') release();
    flushHeaders.call(this);
  };
}

/** Whether an answer is a page that can be changed. */
function isPage({ method }: IncomingMessage, response: ServerResponse): boolean {
  const header = (name: string): string => text(response.getHeader(name)).trim().toLowerCase();
  const { statusCode: status } = response;
  const hasBody =
    method !== 'HEAD' && status >= 200 && ![204, 205, 206].includes(status) && !(status >= 300 && status < 400);
  const [type, ...parameters] = header('content-type').split(';');
  const charset = parameters.map((one) => one.trim()).find((one) => one.startsWith('charset='));
  const isReadable = charset === undefined || /^charset="?utf-?8"?$/.test(charset);
  const coding = header('content-encoding');
  const isDecodable = coding === '' || coding === 'identity' || Object.hasOwn(CODINGS, coding);
  const isDownload = header('content-disposition').startsWith('attachment');
  return hasBody && type?.trim() === 'text/html' && isReadable && isDecodable && !isDownload;
}

/** Returns the html of a body; undefined if it is no UTF-8. */
function htmlOf(body: Buffer, coding: string): string | undefined {
  const decode = CODINGS[coding.trim().toLowerCase()];
  const decoded = decode === undefined ? body : decode(body);
  return isUtf8(decoded) ? decoded.toString() : undefined;
}

function bufferOf(chunk: unknown, encoding: unknown): Buffer | undefined {
  if (typeof chunk === 'string') {
    return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
  }
  return chunk instanceof Uint8Array ? Buffer.from(chunk) : undefined;
}
