/** Keys of one batch, about. What is asked for behind it in the same turn is another batch. */
const MAX_KEYS = 1_000;

/** A batch that is not sent yet. */
interface Batch<R> {
  /** What each caller has asked for. */
  readonly lists: (readonly string[])[];
  size: number;
  readonly answer: Promise<R>;
}

/**
 * Sends all that is asked for in one turn of the event loop as one batch, each key once, when the turn ends. Many pages that begin at
 * the same time ask for the same.
 *
 * A batch that was sent is never joined: its answer may be older than what asks. So each caller's question is sent after it was asked,
 * as if the caller had sent it alone.
 */
export class Batcher<R> {
  readonly #send: (keys: readonly string[], timeout: number) => Promise<R>;
  /** By timeout, so that each caller has its own. */
  readonly #batches = new Map<number, Batch<R>>();

  /** @param send sends one batch; its result is given to all callers. It must not throw */
  constructor(send: (keys: readonly string[], timeout: number) => Promise<R>) {
    this.#send = send;
  }

  /**
   * Asks for some keys, each once. The result may have others as well.
   *
   * @param timeout milliseconds, from when the batch is sent
   */
  ask(keys: readonly string[], timeout: number): Promise<R> {
    const open = this.#batches.get(timeout);
    const batch = open === undefined || open.size >= MAX_KEYS ? this.#begin(timeout) : open;
    batch.lists.push(keys);
    batch.size += keys.length;
    return batch.answer;
  }

  #begin(timeout: number): Batch<R> {
    const lists: (readonly string[])[] = [];
    const answer = new Promise<R>((resolve) => {
      process.nextTick(() => {
        if (this.#batches.get(timeout) === batch) this.#batches.delete(timeout);
        const [first = [], ...others] = lists;
        resolve(this.#send(others.length === 0 ? first : [...new Set(lists.flat())], timeout));
      });
    });
    const batch = { lists, size: 0, answer };
    this.#batches.set(timeout, batch);
    return batch;
  }
}
