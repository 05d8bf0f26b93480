import { EVERYTHING, typeOfName } from './names.ts';

/** Names of one type, and in all, that are kept one by one. */
export const MAX_OF_TYPE = 1_000;
export const MAX_NAMES = 10_000;

/** Names to be bumped, bounded: many of one type become the type as a whole, too many become everything. */
export class BoundedNames {
  readonly names: Set<string> = new Set();
  readonly #ofType = new Map<string, number>();

  add(name: string): void {
    const type = typeOfName(name);
    if (this.names.has(name) || this.names.has(type) || this.names.has(EVERYTHING)) return;
    const count = (this.#ofType.get(type) ?? 0) + 1;
    this.#ofType.set(type, count);
    if (name === EVERYTHING || this.names.size >= MAX_NAMES) {
      this.names.clear();
      this.names.add(EVERYTHING);
    } else if (count > MAX_OF_TYPE) {
      for (const each of this.names) if (typeOfName(each) === type) this.names.delete(each);
      this.names.add(type);
    } else {
      this.names.add(name);
    }
  }
}
