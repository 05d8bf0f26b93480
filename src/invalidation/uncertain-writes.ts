import { BoundedNames } from '../model/bounded-names.ts';
import { inNoRequest } from './current-request.ts';

/** How long an API or a database may still carry out a write whose answer did not come, in milliseconds. */
export const UNCERTAIN = 10_000;

/**
 * Writes of one sweeper of which it does not know whether they were, or still will be, carried out. They are invalidated at once, and once more after
 * 10 to 20 s: a page that was made meanwhile may show what was there before.
 */
export class UncertainWrites {
  readonly #bump: (names: ReadonlySet<string>) => Promise<void>;
  /** Names of the last 10 s, and of the 10 s before. */
  #young = new BoundedNames();
  #old = new BoundedNames();
  #isWaiting = false;

  /** @param bump must not reject */
  constructor(bump: (names: ReadonlySet<string>) => Promise<void>) {
    this.#bump = bump;
  }

  /** Resolves when the names are bumped for the first time. */
  add(names: ReadonlySet<string>): Promise<void> {
    this.again(names);
    return this.#bump(names);
  }

  /** Only bumps names later, which are bumped now by something else. */
  again(names: ReadonlySet<string>): void {
    for (const name of names) this.#young.add(name);
    this.#wait();
  }

  #wait(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    setTimeout(() => inNoRequest(() => this.#turn()), UNCERTAIN).unref();
  }

  #turn(): void {
    this.#isWaiting = false;
    const { names } = this.#old;
    this.#old = this.#young;
    this.#young = new BoundedNames();
    if (names.size > 0) void this.#bump(names);
    if (this.#old.names.size > 0) this.#wait();
  }
}
