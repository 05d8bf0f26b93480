import type { Body } from '../render/body.ts';
import type { Exchange, Headers } from './http/exchange.ts';
import type { Asked } from './http/last-word.ts';
import type { Visit } from './http/visit.ts';
import type { RequestReads } from './reads/request-reads.ts';

/** For whom an answer that a handler makes is: for its visitor alone, for caches on the way, or for none of them. */
export class AnswerAudience implements Asked {
  readonly #exchange: Exchange;
  readonly #visit: Visit;
  readonly #reads: RequestReads;
  readonly #body: Body;
  readonly #isOpen: boolean;
  #mayBeShared = true;
  /** Cache-Control as all others left it, before a personal answer was made private. */
  #lastControl: Headers[string] | undefined;

  /**
   * @param made `reads` and `body`: what the answer is made from; `isOpen`: whether what differs between visitors stands in it, and
   * is taken out only of what is stored
   */
  constructor(
    exchange: Exchange,
    visit: Visit,
    made: { readonly reads: RequestReads; readonly body: Body; readonly isOpen: boolean },
  ) {
    this.#exchange = exchange;
    this.#visit = visit;
    this.#reads = made.reads;
    this.#body = made.body;
    this.#isOpen = made.isOpen;
  }

  /** Keeps the answer from caches on the way, because not all is known by which it was chosen. */
  keepFromShared(): void {
    this.#mayBeShared = false;
  }

  /** Returns headers with the Cache-Control that all others left when the head was written. */
  asOthersLeft(headers: Headers): Headers {
    return { ...headers, 'cache-control': this.#lastControl ?? '' };
  }

  isPersonal(): boolean {
    this.#lastControl = this.#exchange.response.getHeader('cache-control');
    // What was read as a whole may hold a visitor's own.
    if (this.#isOpen) return true;
    if (this.#body.isPersonal || this.#reads.reason !== undefined) return true;
    return this.#reads.silently(() => this.#visit.isPersonal());
  }

  mayBeShared(): boolean {
    return this.#mayBeShared;
  }

  isOutage(): boolean {
    return this.#body.hasOutageHit;
  }
}
