import type { ServerResponse } from 'node:http';
import type { Headers } from './http/exchange.ts';
import { text } from './http/header-text.ts';
import { varyNames } from './http/response-rules.ts';
import { addVary, varyWith } from './http/vary.ts';

/** What is known of the request headers that a handler has read. */
interface HeaderReads {
  readonly headers: ReadonlySet<string>;
  /** Whether all reads are known. */
  readonly isClosed: boolean;
}

/** Headers that describe the body as it is sent. */
const DESCRIBES = /^(?:content-.*|etag|last-modified|expires|vary|cache-control)$/;

/**
 * The head of an answer that a handler makes. It tells what the handler said from what the cache and the framework say to
 * browsers and proxies, and from what middleware outside adds.
 */
export class AnswerHead {
  readonly #response: ServerResponse;
  readonly #reads: HeaderReads;
  /** Headers at the time the framework got the answer, if it sends it later. */
  #handedOver: Headers | undefined;
  /** Cache-Control that the framework sends where nobody says anything. */
  #default: string | undefined;
  /** Cache-Control of the options, if it was added. */
  #added: string | undefined;
  /** Vary before what the handler read was added. */
  #ownVary: ReadonlySet<string> = new Set();

  constructor(response: ServerResponse, reads: HeaderReads) {
    this.#response = response;
    this.#reads = reads;
  }

  /** Tells which Cache-Control the framework sends where nobody says anything. It forbids no storing. */
  sendsByDefault(cacheControl: string | undefined): void {
    this.#default = cacheControl;
  }

  /** Notes the headers that are set when the framework has the answer. Others set later are of middleware outside. */
  handOver(headers: Headers): void {
    this.#handedOver = headers;
  }

  /** Sets the Cache-Control of the options, unless the handler has said something. */
  addControl(said: Headers[string] | undefined, cacheControl: string | undefined): void {
    if ((said !== undefined && said !== this.#default) || cacheControl === undefined) return;
    this.#added = cacheControl;
    this.#response.setHeader('Cache-Control', cacheControl);
  }

  /**
   * Tells caches on the way by which request headers the handler chose this answer.
   *
   * @param isWhole whether the handler has given all of its answer
   * @returns whether that is all known; not of an answer that is sent before the handler has read all
   */
  varyByReads(isWhole: boolean): boolean {
    this.#ownVary = new Set(varyNames({ vary: text(this.#response.getHeader('vary')) }));
    addVary(this.#response, this.#reads.headers);
    return isWhole || this.#reads.isClosed;
  }

  /** Returns what the handler said: what others say addresses browsers and proxies, and not this cache. */
  said(headers: Headers): Headers {
    const { 'cache-control': cacheControl, vary, ...others } = headers;
    const isOurs = cacheControl === this.#added || cacheControl === this.#default;
    const left = varyNames(headers).filter((name) => !this.#reads.headers.has(name) || this.#ownVary.has(name));
    return {
      ...others,
      ...(cacheControl === undefined || isOurs ? {} : { 'cache-control': cacheControl }),
      ...(vary === undefined || left.length === 0 ? {} : { vary: left.join(', ') }),
    };
  }

  /**
   * Returns the headers to store: without those that others added after the answer was handed over, except those that
   * describe the body, and with all in Vary that the handler has read by now.
   */
  stored(headers: Headers): Headers {
    const vary = varyWith(text(headers.vary), this.#reads.headers);
    const handed = this.#handedOver;
    const own =
      handed === undefined
        ? headers
        : Object.fromEntries(
            Object.entries(headers).flatMap(([name, value]) => {
              const kept = DESCRIBES.test(name) ? value : handed[name];
              return kept === undefined ? [] : [[name, kept] as const];
            }),
          );
    return vary === '' ? own : { ...own, vary };
  }
}
