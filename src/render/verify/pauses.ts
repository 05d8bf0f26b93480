/** A pause that has begun. */
export interface Pause {
  /** Resolved when its time is over, or the pauses have ended. */
  readonly over: Promise<void>;
  cancel(): void;
}

/** Pauses that keep no process alive, unless somebody waits for them, and that all end when the sweeper is closed. */
export class Pauses {
  readonly #open = new Map<NodeJS.Timeout, () => void>();
  #waiting = 0;
  #hasEnded = false;

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  begin(milliseconds: number): Pause {
    let resolve: () => void = () => {};
    const over = new Promise<void>((resolved) => {
      resolve = resolved;
    });
    const timer = setTimeout(() => cancel(), milliseconds);
    const cancel = (): void => {
      clearTimeout(timer);
      this.#open.delete(timer);
      resolve();
    };
    if (this.#waiting === 0) timer.unref();
    this.#open.set(timer, cancel);
    if (this.#hasEnded) cancel();
    return { over, cancel };
  }

  /** Keeps the process alive while something is awaited that may be waiting here. */
  async keepAlive(awaited: Promise<unknown>): Promise<void> {
    this.#waiting++;
    for (const timer of this.#open.keys()) timer.ref();
    await awaited;
    this.#waiting--;
    if (this.#waiting === 0) for (const timer of this.#open.keys()) timer.unref();
  }

  /** Ends all pauses, and those that are begun later at once. */
  end(): void {
    this.#hasEnded = true;
    for (const cancel of [...this.#open.values()]) cancel();
  }
}
