import { type Address, queryOf } from '../http/address.ts';
import type { WholeRequest } from './lifecycle.ts';

type Query = { query: object };

/** Puts the address that is in the key in place of the one that was sent, and back. */
export class AddressSwap {
  readonly #request: WholeRequest;
  readonly #address: Address;
  #undo: (() => void) | undefined;

  constructor(request: WholeRequest, address: Address) {
    this.#request = request;
    this.#address = address;
  }

  /** From now on the handler's address is seen. */
  show(): void {
    const { raw, orig } = this.#request;
    const { urls, dropped, order } = this.#address;
    if (this.#undo !== undefined || (dropped.length === 0 && order === undefined)) return;
    const [target = '', own = ''] = urls;
    const request = this.#request as unknown as Query;
    const before = { target: raw.req.url, query: request.query, orig: orig.query };
    const url = new URL(this.#request.url);
    url.search = own.includes('?') ? own.slice(own.indexOf('?')) : '';
    raw.req.url = target;
    Object.defineProperty(request, 'url', { configurable: true, value: url });
    request.query = queryOf(before.query, this.#address);
    if (before.orig !== undefined) (orig as Query).query = queryOf(before.orig, this.#address);
    this.#undo = () => {
      if (before.target !== undefined) raw.req.url = before.target;
      Reflect.deleteProperty(request, 'url');
      request.query = before.query;
      if (before.orig !== undefined) (orig as Query).query = before.orig;
    };
  }

  /** From now on the address is seen as it was sent. */
  hide(): void {
    this.#undo?.();
    this.#undo = undefined;
  }
}
