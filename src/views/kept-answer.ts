import type { ServerResponse } from 'node:http';
import { isStrong } from './http/conditional.ts';
import type { Headers } from './http/exchange.ts';
import type { OpenReason } from './http/open-view.ts';
import { strongTag } from './http/reply.ts';
import type { StoredView } from './http/sound-view.ts';

/** An answer that may be stored; without its body if that is not in one piece. */
export interface Made {
  readonly headers: Headers;
  readonly body: Buffer | undefined;
}

/** What is kept of an answer. */
export interface KeptAnswer {
  /** Whether what differs between visitors is taken out of it, so that all that is sent is one visitor's. */
  readonly isOpen: boolean;
  /** Whether the visitor was known before the handler ran, and may be. */
  readonly wasLoggedIn: boolean;
  /** Notes what is there when the framework has the answer. */
  handOver(headers: Headers, body: Buffer | undefined): void;
  /** Returns an answer as it is to be stored. */
  given(headers: Headers, body: Buffer | undefined): Made;
  /** Returns headers for the rules of what is stored. */
  ruled(headers: Headers): Headers;
  /** Returns the headers as they were sent, for the same rules. */
  sent(headers: Headers): Headers;
  /** Returns what is kept of a view, or why it cannot be stored. */
  open(view: StoredView): StoredView | OpenReason;
  /** Sets the entity tag of an answer that is being sent. */
  tag(response: ServerResponse, made: Made): void;
}

/** The whole answer is kept, for everybody. */
export const WHOLE_ANSWER: KeptAnswer = {
  isOpen: false,
  wasLoggedIn: false,
  handOver() {},
  given: (headers, body) => ({ headers, body }),
  ruled: (headers) => headers,
  sent: (headers) => headers,
  open: (view) => view,
  tag(response, { headers, body }) {
    if (body !== undefined && !isStrong(headers.etag)) response.setHeader('ETag', strongTag(headers, body));
  },
};
