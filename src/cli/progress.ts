import { type Output, widthOf } from './io.ts';

/** Milliseconds between two lines of progress, so that a terminal is not kept busy. */
const PAUSE = 100;

/** Shows how far long work is, in one line of a terminal that is removed at the end. Elsewhere it writes nothing. */
export class Progress {
  readonly #output: Output;
  readonly #what: string;
  #shownAt = 0;

  constructor(output: Output, what: string) {
    this.#output = output;
    this.#what = what;
  }

  /** @param all undefined where that is not known */
  tell(done: number, all?: number): void {
    const now = performance.now();
    if (this.#output.isTTY !== true || now - this.#shownAt < PAUSE) return;
    this.#shownAt = now;
    const text = `${done}${all === undefined ? '' : ` of ${all}`} ${this.#what}`;
    this.#output.write(`\r\x1b[K${text.slice(0, widthOf(this.#output) - 1)}`);
  }

  end(): void {
    if (this.#shownAt > 0) this.#output.write('\r\x1b[K');
  }
}
