import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { text } from '../../views/http/header-text.ts';
import { answerFor } from '../../views/http/last-word.ts';
import { keepFromAll } from '../../views/http/personal-headers.ts';
import { reportAsSent, setGiven } from '../../views/http/raw-head.ts';

type HeadArguments = [status: number, ...rest: unknown[]];
type Method = (...args: unknown[]) => unknown;

/** What becomes of an answer. */
export interface AnswerEvents {
  /** A cookie to set with the answer, whatever it is. */
  readonly cookie: string | undefined;
  /**
   * The answer is a whole html page, and nothing of it was sent.
   *
   * @returns the page to send in its place; undefined to send it as it is
   */
  page(html: string, response: ServerResponse): string | undefined;
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
  let isChanged = false;
  // Past all that looks at the head, such as a cache, which may keep what it has been given.
  answerFor(response, { isPersonal: () => false, finish: () => keepFromCaches(response, isChanged, events.cookie) });
  const writeHead = response.writeHead as unknown as (...args: HeadArguments) => ServerResponse;
  const write = response.write as unknown as Method;
  const end = response.end as unknown as Method;
  const { flushHeaders } = response;
  const chunks: Buffer[] = [];
  let bytes = 0;
  let state: 'waiting' | 'holding' | 'passing' = 'waiting';
  let isAsking = false;

  const held = (...args: HeadArguments): ServerResponse => {
    if (state === 'waiting') {
      const [status, message] = setGiven(response, args);
      response.statusCode = status;
      // HTTP/2 has none, and warns.
      if (message !== undefined) response.statusMessage = message;
      state = isPage(request, response) ? 'holding' : 'passing';
      if (isAsking) return response;
    }
    return state === 'holding' ? response : writeHead.apply(response, args);
  };
  /** Lets middleware that changes the head in `writeHead` do so now, and finds out what the answer is. */
  const ask = (): void => {
    if (state !== 'waiting') return;
    isAsking = true;
    response.writeHead(response.statusCode);
    isAsking = false;
    // Node calls it once more; that middleware must not run twice.
    response.writeHead = held as ServerResponse['writeHead'];
  };
  /** Sends what was held back, and all that follows, as it is. */
  const release = (): void => {
    state = 'passing';
    for (const chunk of chunks.splice(0)) write.call(response, chunk);
  };
  const take = (chunk: unknown, encoding: unknown): void => {
    const buffer = bufferOf(chunk, encoding);
    if (buffer === undefined) return;
    chunks.push(buffer);
    bytes += buffer.length;
    if (bytes > MAX_BYTES) release();
  };

  response.writeHead = held as ServerResponse['writeHead'];
  reportAsSent(response, () => state === 'holding');
  response.write = ((...args: unknown[]) => {
    ask();
    if (state === 'passing') return write.apply(response, args);
    take(args[0], args[1]);
    const done = args.find((arg) => typeof arg === 'function');
    if (done !== undefined) process.nextTick(done);
    return true;
  }) as ServerResponse['write'];
  response.end = ((...args: unknown[]) => {
    ask();
    if (state === 'passing') return end.apply(response, args);
    take(args[0], args[1]);
    const body = Buffer.concat(chunks);
    // It may be too large by now, and sent.
    const isHeld = (state as string) === 'holding';
    state = 'passing';
    const page = isHeld ? changed(body, response, events) : undefined;
    if (page !== undefined) describeBytes(response, page);
    isChanged = page !== undefined;
    const done = args.filter((arg) => typeof arg === 'function');
    return isHeld ? end.call(response, page ?? body, ...done) : end.apply(response, done);
  }) as ServerResponse['end'];
  // Who sends the head alone sends the body bit by bit.
  response.flushHeaders = () => {
    ask();
    release();
    flushHeaders.call(response);
  };
}

/** Returns the page to send; undefined if it is sent as it is. */
function changed(body: Buffer, response: ServerResponse, events: AnswerEvents): Buffer | undefined {
  try {
    const html = htmlOf(body, text(response.getHeader('content-encoding')));
    const page = html === undefined ? undefined : events.page(html, response);
    return page === undefined ? undefined : Buffer.from(page);
  } catch (error) {
    events.failed(error);
    return undefined;
  }
}

/** Makes the head one for a changed page, before a compression that stands outside makes it one for compressed bytes. */
function describeBytes(response: ServerResponse, page: Buffer): void {
  for (const name of OF_BYTES) response.removeHeader(name);
  // Trailers can follow chunks alone. With anything else, a length and chunks are two framings, which clients refuse.
  if (response.hasHeader('trailer')) {
    response.removeHeader('Content-Length');
    return;
  }
  response.removeHeader('Transfer-Encoding');
  response.setHeader('Content-Length', page.length);
}

/** A changed page, and an answer with a cookie, are kept by no cache. */
function keepFromCaches(response: ServerResponse, isChanged: boolean, cookie: string | undefined): void {
  if (isChanged || cookie !== undefined) keepFromAll(response);
  if (cookie !== undefined) response.appendHeader('Set-Cookie', cookie);
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

/** Returns the html of a body; undefined if it is too long, or no UTF-8. */
function htmlOf(body: Buffer, coding: string): string | undefined {
  const decoded = decodedOf(body, CODINGS[coding.trim().toLowerCase()]);
  return decoded !== undefined && isUtf8(decoded) ? decoded.toString() : undefined;
}

function decodedOf(body: Buffer, decode: ((body: Buffer) => Buffer) | undefined): Buffer | undefined {
  try {
    return decode === undefined ? body : decode(body);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw error;
  }
}

function bufferOf(chunk: unknown, encoding: unknown): Buffer | undefined {
  if (typeof chunk === 'string') {
    return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
  }
  return chunk instanceof Uint8Array ? Buffer.from(chunk) : undefined;
}
