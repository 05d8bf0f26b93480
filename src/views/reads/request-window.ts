import type { Address } from '../http/address.ts';
import type { Exchange, Headers } from '../http/exchange.ts';
import { watchClient } from './client-address.ts';
import type { RequestReads } from './request-reads.ts';
import { watchHeaders } from './watched-headers.ts';
import { type WatchedLocals, watchLocals } from './watched-locals.ts';
import { watchDerived, watchProperties } from './watched-objects.ts';
import { watchResponse } from './watched-response.ts';

/**
 * The time in which a handler makes its answer. As long as it is open, the handler is given the address that is in the
 * key, and what it reads of the request is recorded. Code outside sees the request as it came.
 */
export class RequestWindow {
  readonly reads: RequestReads;
  readonly #undo: (() => void)[] = [];
  readonly #locals: WatchedLocals | undefined;

  /** @param given `address`: what the handler is given; `set`: headers that middleware has set on the response */
  constructor(exchange: Exchange, given: { readonly address: Address; readonly set: Headers }, reads: RequestReads) {
    this.reads = reads;
    const { incoming, holders, derived, localsAt } = exchange;
    this.#undo.push(exchange.rewrite(given.address));
    for (const holder of holders)
      this.#undo.push(watchProperties(holder, exchange.visitors.includes(holder.object), reads));
    for (const one of derived) this.#undo.push(watchDerived(one, reads));
    this.#undo.push(exchange.watchOwn?.(reads) ?? (() => {}));
    this.#undo.push(watchHeaders(incoming, incoming.headers, reads), watchClient(incoming, reads));
    for (const one of [exchange.response, exchange.reply]) {
      if (one !== undefined) this.#undo.push(watchResponse(one, given.set, reads));
    }
    this.#locals = localsAt && watchLocals(localsAt, reads);
  }

  lookedUp(name: string): void {
    this.#locals?.lookedUp(name);
  }

  lookedUpAll(): void {
    this.#locals?.lookedUpAll();
  }

  /** The handler has handed over its answer. */
  close(): void {
    this.reads.close();
    this.#locals?.undo();
    for (const undo of this.#undo.splice(0).reverse()) undo();
  }
}
