import { Background } from '../util/background.ts';

/** Limit of `onBump` calls that run at the same time. */
const MAX_CALLS = 1_000;

/** Tells the site which names were bumped, after the store has acknowledged it, so that the site can purge its CDN. */
export class BumpListener {
  readonly #onBump: ((names: readonly string[]) => unknown) | undefined;
  readonly #report: (error: unknown) => void;
  readonly #calls = new Background(MAX_CALLS);
  #told = 0;

  /** @param report called with errors of `onBump`; they do not make the bump fail */
  constructor(onBump: ((names: readonly string[]) => unknown) | undefined, report: (error: unknown) => void) {
    this.#onBump = onBump;
    this.#report = report;
  }

  /** Number of names that it was told of. */
  get told(): number {
    return this.#told;
  }

  readonly tell = (names: readonly string[]): void => {
    this.#told += names.length;
    const onBump = this.#onBump;
    if (onBump === undefined || names.length === 0) return;
    const { dropped } = this.#calls;
    this.#calls.start(async () => {
      try {
        await onBump(names);
      } catch (error) {
        this.#report(error);
      }
    });
    if (this.#calls.dropped > dropped) {
      this.#report(new Error(`onBump was not called for ${names.length} names: ${MAX_CALLS} calls have not ended yet`));
    }
  };

  /** Resolves when no call is running. */
  idle(): Promise<void> {
    return this.#calls.idle();
  }
}
