import { performance } from 'node:perf_hooks';

/** By how many times its length a deadline is put off at most, where nothing else is said. */
const MAX_PUT_OFF = 9;
/** Share of its length by which it is not put off. */
const CLOSE = 0.05;

/**
 * Calls back when an answer has not come in time.
 *
 * A process that renders many pages at once reads answers late, and not because the store is slow. If it gave up then, it would render
 * and load even more. So a deadline is put off by the time in which the process was busy.
 */
export class Deadline {
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param milliseconds from now on
   * @param latest milliseconds from now on when it has passed in any case; default: ten times the other
   */
  constructor(milliseconds: number, passed: () => void, latest: number = (1 + MAX_PUT_OFF) * milliseconds) {
    const begun = busyTime();
    let length = milliseconds;
    const look = (): void => {
      if (this.#timer === undefined) return;
      const more = Math.min(milliseconds + busyTime() - begun, latest) - length;
      if (more <= CLOSE * milliseconds) return passed();
      length += more;
      this.#timer = setTimeout(wake, more);
    };
    // After the process was blocked, timers fire before sockets are read. setImmediate lets answers that have arrived
    // come first.
    const wake = (): void => void setImmediate(look);
    this.#timer = setTimeout(wake, milliseconds);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** Returns what a promise gives, or something else when that takes longer than a {@link Deadline}. */
export function inTime<T>(answer: Promise<T>, milliseconds: number, otherwise: T): Promise<T> {
  return new Promise((resolve, reject) => {
    const deadline = new Deadline(milliseconds, () => resolve(otherwise));
    answer.then(resolve, reject).finally(() => deadline.clear());
  });
}

/** Returns for how long the event loop has been busy since the process began, in milliseconds. */
function busyTime(): number {
  return performance.eventLoopUtilization().active;
}
