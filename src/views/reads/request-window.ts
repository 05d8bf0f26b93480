import type { Address } from '../http/address.ts';
import type { Exchange, Headers } from '../http/exchange.ts';
import { watchClient } from './client-address.ts';
import { ALL_HEADERS } from './read-names.ts';
import type { RequestReads } from './request-reads.ts';
import { cookieObjectsOf } from './watched-cookies.ts';
import { watchHeaders } from './watched-headers.ts';
import { watchInspection } from './watched-inspection.ts';
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
    const locals = localsAt && (Reflect.get(localsAt.object, localsAt.key) as unknown);
    const { headers } = incoming;
    this.#undo.push(exchange.rewrite(given.address));
    for (const one of [headers, locals, ...holders.flatMap(({ object }) => [object, ...cookieObjectsOf(object)])]) {
      // What holds the request shows its headers as well.
      if (isObject(one)) this.#undo.push(watchInspection(one, () => reads.readAll(ALL_HEADERS)));
    }
    for (const holder of holders)
      this.#undo.push(watchProperties(holder, exchange.visitors.includes(holder.object), reads));
    for (const one of derived) this.#undo.push(watchDerived(one, reads));
    this.#undo.push(exchange.watchOwn?.(reads) ?? (() => {}));
    this.#undo.push(watchHeaders(incoming, headers, reads), watchClient(incoming, reads));
    const { response, reply } = exchange;
    // Fastify sets all headers of a reply on Node's response, middleware's too, as it sends them.
    this.#undo.push(watchResponse(response, given.set, reads, reply === undefined ? 'setHeader' : undefined));
    if (reply !== undefined) this.#undo.push(watchResponse(reply, given.set, reads, 'header'));
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

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
