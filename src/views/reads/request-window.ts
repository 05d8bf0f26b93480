import type { Address } from '../http/address.ts';
import type { Exchange } from '../http/exchange.ts';
import { watchClient } from './client-address.ts';
import type { RequestReads } from './request-reads.ts';
import { watchHeaders } from './watched-headers.ts';
import { type WatchedLocals, watchDerived, watchLocals, watchProperties } from './watched-objects.ts';

/**
 * The time in which a handler makes its answer. As long as it is open, the handler is given the address that is in the
 * key, and what it reads of the request is recorded. Code outside sees the request as it came.
 */
export class RequestWindow {
  readonly reads: RequestReads;
  readonly #undo: (() => void)[] = [];
  readonly #locals: WatchedLocals | undefined;

  constructor(exchange: Exchange, address: Address, reads: RequestReads) {
    this.reads = reads;
    const { incoming, holders, derived, localsAt } = exchange;
    this.#undo.push(exchange.rewrite(address));
    for (const holder of holders) this.#undo.push(watchProperties(holder, reads));
    for (const one of derived) this.#undo.push(watchDerived(one, reads));
    this.#undo.push(exchange.watchOwn?.(reads) ?? (() => {}));
    this.#undo.push(watchHeaders(incoming, incoming.headers, reads), watchClient(incoming, reads));
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
