import { setTimeout as sleep } from 'node:timers/promises';

/** How long one load takes, in milliseconds. */
export const LOAD = 100;

/** A database whose only answer takes its time, and which tells of each load. */
export class Database {
  /** Whether the next load fails. */
  isFailing = false;
  readonly #loading: () => void;

  /** @param loading called when a load begins */
  constructor(loading: () => void) {
    this.#loading = loading;
  }

  async read(id: number): Promise<{ readonly text: string }> {
    const fails = this.isFailing;
    this.isFailing = false;
    this.#loading();
    await sleep(LOAD);
    if (fails) throw new Error('the database failed');
    return { text: `Article ${id}` };
  }
}
