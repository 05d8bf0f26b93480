import type { Added, Kind, Lookup, Store, StoreCall, StoreItem } from '../../stores/store.ts';
import { Deadline } from '../../util/deadline.ts';

const UNKNOWN: Lookup = { state: 'unknown' };
/** Share of the time limit given to the store. It should end first, because its error says more than a timeout does. */
const OWN_SHARE = 0.9;
/** When the write of a token has failed, however busy this process is: in milliseconds. */
const LATEST_TOKEN = 1_000;

/** Wraps a store so that each call answers in time and never rejects or throws, whatever the store does. */
export class SafeStore {
  readonly #store: Store;
  readonly #onError: (error: unknown) => void;
  #closed = false;

  constructor(store: Store, onError: (error: unknown) => void) {
    this.#store = store;
    this.#onError = onError;
  }

  /** @param timeout milliseconds */
  getMany(kind: Kind, keys: readonly string[], timeout: number): Promise<readonly Lookup[]> {
    return this.#answer(keys.length, UNKNOWN, isLookup, timeout, undefined, () =>
      this.#store.getMany(kind, keys, within(timeout)),
    );
  }

  setMany(kind: Kind, items: readonly StoreItem[], timeout: number): Promise<readonly boolean[]> {
    return this.#answer(items.length, false, isBoolean, timeout, latestOf(kind, timeout), () =>
      this.#store.setMany(kind, items, within(timeout)),
    );
  }

  addMany(kind: Kind, items: readonly StoreItem[], timeout: number): Promise<readonly Added[]> {
    return this.#answer<Added>(items.length, 'unknown', isAdded, timeout, latestOf(kind, timeout), () =>
      this.#store.addMany(kind, items, within(timeout)),
    );
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await this.#store.close();
    } catch (error) {
      this.#onError(error);
    }
  }

  /** Calls the store and returns its answers; on an error or a timeout, `nothing` for each key. */
  #answer<T>(
    count: number,
    nothing: T,
    isAnswer: (answer: unknown) => boolean,
    timeout: number,
    latest: number | undefined,
    call: () => Promise<readonly T[]>,
  ): Promise<readonly T[]> {
    const none = () => new Array<T>(count).fill(nothing);
    if (count === 0) return Promise.resolve([]);
    if (this.#closed || timeout <= 0) return Promise.resolve(none());
    return new Promise((resolve) => {
      const deadline = new Deadline(timeout, () => resolve(none()), latest);
      const settle = (answers: readonly T[]): void => {
        deadline.clear();
        resolve(answers);
      };
      const fail = (error: unknown): void => {
        this.#onError(error);
        settle(none());
      };
      try {
        call().then((answers) => {
          const fault = !Array.isArray(answers) || answers.length !== count ? describeAnswer(answers) : undefined;
          if (fault !== undefined) fail(new TypeError(`the store answered ${fault} for ${count} keys`));
          else if (!answers.every(isAnswer)) fail(new TypeError('the store answered with a value that is no answer'));
          else settle(answers);
        }, fail);
      } catch (error) {
        fail(error);
      }
    });
  }
}

/**
 * Returns when a write has failed in any case, in milliseconds. A token has the time at which it was made: written more than a second
 * later, it could take the place of a bump's younger one.
 */
function latestOf(kind: Kind, timeout: number): number | undefined {
  return kind === 'token' ? Math.max(timeout, LATEST_TOKEN) : undefined;
}

function within(timeout: number): StoreCall {
  return { timeout: Math.max(1, Math.floor(timeout * OWN_SHARE)) };
}

function describeAnswer(answers: unknown): string {
  return Array.isArray(answers) ? `with ${answers.length} values` : 'with something that is no list';
}

function isLookup(answer: unknown): boolean {
  if (typeof answer !== 'object' || answer === null || !('state' in answer)) return false;
  if (answer.state === 'found') return 'value' in answer && answer.value instanceof Uint8Array;
  return answer.state === 'missing' || answer.state === 'unknown';
}

function isBoolean(answer: unknown): boolean {
  return typeof answer === 'boolean';
}

function isAdded(answer: unknown): boolean {
  return answer === 'added' || answer === 'exists' || answer === 'unknown';
}
