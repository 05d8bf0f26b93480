import { EVERYTHING, typeOfName } from './names.ts';

/** Limits up to which names are kept one by one: for one type, and for all types together. */
export const MAX_OF_TYPE = 1_000;
export const MAX_NAMES = 10_000;

/**
 * Collects names to bump without growing beyond its limits. More than MAX_OF_TYPE names of one type become the name of
 * the type; more than MAX_NAMES in all become `*`.
 */
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
