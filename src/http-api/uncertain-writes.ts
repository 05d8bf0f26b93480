import { BoundedNames } from '../model/bounded-names.ts';

/** How long an API may still carry out a write whose answer did not come, in milliseconds. */
export const UNCERTAIN = 10_000;

/**
 * Writes of which nobody knows whether they were, or still will be, carried out. They are invalidated at once, and once more after
 * 10 to 20 s: a page that was made meanwhile may show what was there before.
 */
export class UncertainWrites {
  readonly #bump: (names: ReadonlySet<string>) => void;
  /** Names of the last 10 s, and of the 10 s before. */
  #young = new BoundedNames();
  #old = new BoundedNames();
  #isWaiting = false;

  constructor(bump: (names: ReadonlySet<string>) => void) {
    this.#bump = bump;
  }

  add(names: Iterable<string>): void {
    for (const name of names) this.#young.add(name);
    this.#wait();
  }

  #wait(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    setTimeout(() => this.#turn(), UNCERTAIN).unref();
  }

  #turn(): void {
    this.#isWaiting = false;
    const { names } = this.#old;
    this.#old = this.#young;
    this.#young = new BoundedNames();
    if (names.size > 0) this.#bump(names);
    if (this.#old.names.size > 0) this.#wait();
  }
}
