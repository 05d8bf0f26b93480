/** Keys of one batch, about. What is asked for behind it in the same turn is another batch. */
const MAX_KEYS = 1_000;

/** A batch that is not sent yet. */
interface Batch<R> {
  /** What the first caller has asked for; most batches have no other. */
  readonly first: readonly string[];
  /** What all callers have asked for, where there are several. */
  all: Set<string> | undefined;
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
   * Asks for some keys. The result may have others as well.
   *
   * @param keys each once; the list must not change until it is sent
   * @param timeout milliseconds, from when the batch is sent
   */
  ask(keys: readonly string[], timeout: number): Promise<R> {
    const open = this.#batches.get(timeout);
    if (open === undefined || (open.all?.size ?? open.first.length) >= MAX_KEYS) return this.#begin(keys, timeout);
    open.all ??= new Set(open.first);
    for (const key of keys) open.all.add(key);
    return open.answer;
  }

  #begin(first: readonly string[], timeout: number): Promise<R> {
    const answer = new Promise<R>((resolve) => {
      process.nextTick(() => {
        if (this.#batches.get(timeout) === batch) this.#batches.delete(timeout);
        resolve(this.#send(batch.all === undefined ? first : [...batch.all], timeout));
      });
    });
    const batch: Batch<R> = { first, all: undefined, answer };
    this.#batches.set(timeout, batch);
    return answer;
  }
}
