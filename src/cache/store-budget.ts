import { idleTime } from '../util/idle-time.ts';

/** When a wait began: by the clock, and by the time in which the event loop has had nothing to do. */
interface Since {
  readonly time: number;
  readonly idle: number;
}

/**
 * The time that one render may wait for the store.
 *
 * Of a wait that the store has answered, only the time counts in which this process had nothing to do. Where many pages are rendered at
 * once, answers lie unread for longer than the store took. A page that gave up because of that would load and render what the store
 * has, and the others would wait for that as well. Of a wait without an answer all counts, so that waits in vain end in time.
 */
export class StoreBudget {
  readonly #timeout: number;
  #spent = 0;
  #waited = 0;

  /** @param timeout milliseconds */
  constructor(timeout: number) {
    this.#timeout = timeout;
  }

  /** Milliseconds left; 0 or less when there are none. */
  get left(): number {
    return Math.ceil(this.#timeout - this.#spent);
  }

  /** Milliseconds waited, by the clock. */
  get waited(): number {
    return this.#waited;
  }

  /** Call this when a wait begins, and {@link end} with the result. */
  begin(): Since {
    return { time: performance.now(), idle: idleTime() };
  }

  /** @param isAnswered whether the store has answered everything */
  end({ time, idle }: Since, isAnswered: boolean): void {
    const waited = performance.now() - time;
    this.#waited += waited;
    this.#spent += isAnswered ? Math.min(waited, idleTime() - idle) : waited;
  }
}
