/** Limit of requests on their way to one server. */
const MAX_REQUESTS = 20_000;
/** Limit of bytes on their way to one server. */
const MAX_BYTES = 16 * 1024 * 1024;

/** Counts what is on its way to a server and not yet answered, so that a slow server does not fill the memory. */
export class Load {
  #requests = 0;
  #bytes = 0;

  /** Whether no more may be sent. One batch may go over the limit. */
  get isFull(): boolean {
    return this.#requests >= MAX_REQUESTS || this.#bytes >= MAX_BYTES;
  }

  add(requests: number, bytes: number): void {
    this.#requests += requests;
    this.#bytes += bytes;
  }

  /** Undoes one {@link add}. */
  remove(requests: number, bytes: number): void {
    this.#requests -= requests;
    this.#bytes -= bytes;
  }
}
