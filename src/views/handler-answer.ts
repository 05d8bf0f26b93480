import type { AnswerHead } from './answer-head.ts';
import type { Exchange, Headers } from './http/exchange.ts';
import { repeatsHost } from './http/hosts.ts';
import type { OpenReason } from './http/open-view.ts';
import { isCoded, repeatsSecret } from './http/reflection.ts';
import { storedView } from './http/reply.ts';
import type { StoredView } from './http/sound-view.ts';
import type { KeptAnswer, Made } from './kept-answer.ts';

/** Why what a handler has answered is not stored. */
type AnswerReason = OpenReason | 'changed outside' | 'csrf token' | 'repeats host';

/** Whether a body is still the one that the framework was given; undefined for one that is not in one piece. */
export type IsSame = (body: Buffer | undefined) => boolean;

interface Sent extends Made {
  readonly status: number;
}

/**
 * The answer of a handler: what of it is stored. That is searched for what only its visitor knows, and for what middleware
 * outside has changed in it.
 */
export class HandlerAnswer {
  readonly head: AnswerHead;
  readonly kept: KeptAnswer;
  readonly #exchange: Exchange;
  /** Headers before the handler ran. */
  readonly #before: Headers;
  #isSame: IsSame | undefined;
  /** Whether the body was searched when the head was sent. */
  #isSearched = false;

  constructor(exchange: Exchange, before: Headers, head: AnswerHead, kept: KeptAnswer) {
    this.#exchange = exchange;
    this.#before = before;
    this.head = head;
    this.kept = kept;
  }

  /** Whether the framework has the answer, and sends it later. */
  get isHandedOver(): boolean {
    return this.#isSame !== undefined;
  }

  /** Notes that the framework has the answer; its body if that is in one piece. */
  handOver(headers: Headers, body: Buffer | undefined, isSame: IsSame): void {
    this.head.handOver(headers);
    this.kept.handOver(headers, body);
    this.#isSame = isSame;
  }

  /** Returns what the handler said in its head, for the rules of what is stored. */
  said(headers: Headers): Headers {
    return this.kept.ruled(this.head.said(headers));
  }

  /**
   * Returns why an answer must not be stored whose head is about to be sent. An outer compression may change the body; any
   * other outer change may be for this visitor alone.
   *
   * @param sent with its body if that is sent with the head
   */
  reasonAtHead({ status, headers, body }: Sent): AnswerReason | undefined {
    if (!isCoded(headers) && this.#isSame?.(body) === false) return 'changed outside';
    const given = this.kept.given(headers, body);
    let searched = given.body;
    if (this.kept.isOpen && searched !== undefined) {
      const made = { status, headers: this.head.stored(given.headers), body: searched };
      const view = this.kept.open(storedView(made, this.#before, 0));
      if (typeof view === 'string') return view;
      searched = view.body;
    }
    this.#isSearched = searched !== undefined;
    const parts = [{ headers: this.kept.ruled(given.headers), body: searched }];
    return repeatsSecret(this.#exchange, parts) ? 'csrf token' : undefined;
  }

  /**
   * Returns what is stored of an answer that was sent, or why nothing is.
   *
   * @param made as {@link KeptAnswer.given} returns it
   * @param more `headers`: to be stored beside the handler's; `shown`: those that were sent, for the rules; `created`: in milliseconds
   * since 1970; `ignoresHost`: whether all hosts share the view
   */
  toStore(
    { status, headers, body }: Sent & { readonly body: Buffer },
    more: {
      readonly headers: Headers;
      readonly shown: Headers;
      readonly created: number;
      readonly ignoresHost: boolean;
    },
  ): StoredView | AnswerReason {
    const all = { ...this.head.stored(headers), ...more.headers };
    const view = this.kept.open(storedView({ status, headers: all, body }, this.#before, more.created));
    if (typeof view === 'string') return view;
    const searched = this.#isSearched ? undefined : view.body;
    const parts = [{ headers: this.kept.ruled(headers), body: searched }, { headers: more.shown }];
    if (repeatsSecret(this.#exchange, parts)) return 'csrf token';
    if (more.ignoresHost && repeatsHost(this.#exchange, headers, body)) return 'repeats host';
    return view;
  }
}
