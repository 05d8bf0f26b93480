/** A multiset of names. Most names are in it once, so those cost one step to add or delete. */
export class CountedNames {
  readonly #names = new Set<string>();
  /** How often each name was added beyond the first time. */
  readonly #again = new Map<string, number>();

  /** Number of different names. */
  get size(): number {
    return this.#names.size;
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  add(name: string): void {
    const { size } = this.#names;
    if (this.#names.add(name).size === size) this.#again.set(name, (this.#again.get(name) ?? 0) + 1);
  }

  /** Undoes one {@link add}. */
  delete(name: string): void {
    const again = this.#again.size === 0 ? undefined : this.#again.get(name);
    if (again === undefined) this.#names.delete(name);
    else if (again === 1) this.#again.delete(name);
    else this.#again.set(name, again - 1);
  }
}
