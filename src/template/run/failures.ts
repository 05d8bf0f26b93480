import { CacheSweeperError } from '../../errors.ts';

/** Limit of errors noted in one pass. A page that catches more of them forgets the oldest. */
const MAX_NOTED = 100;

/**
 * What Nunjucks puts in front of a message: for each template the place in it, and the name of the error that the new
 * one replaces. A hole has no place of its own, so that its error and that of its template are named one after the other.
 */
const IN_FRONT = /^(?:\(.*\)(?: \[Line .*\])?\n {1,2}(?:(?:CacheSweeperError|Template render error): )*)*$/;

/**
 * The errors of this package that one pass of a page has met.
 *
 * Nunjucks replaces an error by a new one that has only the old message, with a place in front. So each error is noted
 * where it enters Nunjucks, and the error that ends the page is compared with them.
 */
export class Failures {
  #noted: { readonly error: CacheSweeperError; readonly message: string }[] | undefined;

  /** Notes an error if it is one of this package. Its present message is kept, because Nunjucks changes it. */
  note(error: unknown): void {
    if (!(error instanceof CacheSweeperError)) return;
    this.#noted ??= [];
    this.#noted.push({ error, message: error.message });
    if (this.#noted.length > MAX_NOTED) this.#noted.shift();
  }

  forget(): void {
    this.#noted = undefined;
  }

  /** Returns an error that Nunjucks made of a noted one with its class and code again; any other error as it is. */
  restored(error: unknown): unknown {
    if (!(error instanceof Error) || error instanceof CacheSweeperError) return error;
    const { message } = error;
    const own = this.#noted?.findLast((noted) => isBehindPlaces(message, noted.message))?.error;
    if (own === undefined) return error;
    return new CacheSweeperError(own.code, message, { cause: own, ...(own.names && { names: own.names }) });
  }
}

/** Whether a message is another one with only Nunjucks' places in front. */
function isBehindPlaces(message: string, end: string): boolean {
  return message.endsWith(end) && IN_FRONT.test(message.slice(0, message.length - end.length));
}
