import { performance } from 'node:perf_hooks';
import { clearInterval, setInterval } from 'node:timers';

const TICK = 5;

/**
 * Milliseconds as timers of this process see them go by: one that is late counts as one in time. A test whose process gets no processor for
 * a second has not waited for a second, so what it measures depends on what is waited for and not on the machine.
 */
export class Stopwatch {
  #ticks = 0;
  readonly #timer = setInterval(() => this.#ticks++, TICK).unref();

  get milliseconds(): number {
    return this.#ticks * TICK;
  }

  /** Milliseconds since it was made; stops it. */
  stop(): number {
    clearInterval(this.#timer);
    return this.milliseconds;
  }
}

/**
 * The same, of which only those count in which the event loop had nothing to do: the time that is waited for something. What is computed
 * meanwhile takes as long as the machine is slow.
 */
export class IdleWatch {
  #milliseconds = 0;
  #idle = performance.eventLoopUtilization().idle;
  readonly #timer = setInterval(() => {
    const { idle } = performance.eventLoopUtilization();
    this.#milliseconds += Math.min(TICK, idle - this.#idle);
    this.#idle = idle;
  }, TICK).unref();

  get milliseconds(): number {
    return this.#milliseconds;
  }

  /** Milliseconds since it was made; stops it. */
  stop(): number {
    clearInterval(this.#timer);
    return this.milliseconds;
  }
}
