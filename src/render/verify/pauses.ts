/** A pause that has begun. */
export interface Pause {
  /** Resolves when the time is over or all pauses were ended. */
  readonly over: Promise<void>;
  cancel(): void;
}

/** Pauses that do not keep the process alive unless a caller waits for them. All end when the sweeper is closed. */
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

  /** Keeps the process alive until a promise settles that may depend on these pauses. */
  async keepAlive(awaited: Promise<unknown>): Promise<void> {
    this.#waiting++;
    for (const timer of this.#open.keys()) timer.ref();
    await awaited;
    this.#waiting--;
    if (this.#waiting === 0) for (const timer of this.#open.keys()) timer.unref();
  }

  /** Ends all pauses; later ones end at once. */
  end(): void {
    this.#hasEnded = true;
    for (const cancel of [...this.#open.values()]) cancel();
  }
}
