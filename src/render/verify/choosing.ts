import type { Entry } from '../../cache/entry.ts';
import type { Place } from '../place.ts';
import { UsePath } from './use-path.ts';
import type { Chosen, TagUse, Watch } from './watch.ts';

/** Chooses at random which hits of a page are verified. */
export class Choosing implements Watch {
  readonly isShadow = false;
  readonly #share: number;
  #path = new UsePath();
  #chosen: Chosen[] = [];

  /** @param share share of the hits, from 0 to 1 */
  constructor(share: number) {
    this.#share = share;
  }

  begin(): void {
    this.#path = new UsePath();
    this.#chosen = [];
  }

  run(use: TagUse): string {
    return this.#path.inside(() => use.show());
  }

  inHoles<T>(fill: () => T): T {
    return this.#path.inHoles(fill);
  }

  hit(memoryKey: string, entry: Entry, place: Place): void {
    if (Math.random() < this.#share) this.#chosen.push({ path: this.#path.text, place, memoryKey, entry });
  }

  take(): readonly Chosen[] {
    const chosen = this.#chosen;
    this.begin();
    return chosen;
  }
}
