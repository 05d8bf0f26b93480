import { Background } from '../util/background.ts';

/** Calls of `onBump` that may be under way at one time. */
const MAX_CALLS = 1_000;

/** Tells the site which names were bumped, once the store has acknowledged it: what a CDN keeps can be purged then. */
export class BumpListener {
  readonly #onBump: ((names: readonly string[]) => unknown) | undefined;
  readonly #report: (error: unknown) => void;
  readonly #calls = new Background(MAX_CALLS);

  /** @param report called with what `onBump` throws or rejects with: no bump fails for it */
  constructor(onBump: ((names: readonly string[]) => unknown) | undefined, report: (error: unknown) => void) {
    this.#onBump = onBump;
    this.#report = report;
  }

  readonly tell = (names: readonly string[]): void => {
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

  /** Resolved when no call is under way. */
  idle(): Promise<void> {
    return this.#calls.idle();
  }
}
