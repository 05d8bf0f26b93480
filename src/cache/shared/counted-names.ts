/** Names that are there as often as they were added. Nearly all are there once, and take one step each way. */
export class CountedNames {
  readonly #names = new Set<string>();
  /** How often beyond once. */
  readonly #again = new Map<string, number>();

  /** How many different names there are. */
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

  /** Takes a name away once. */
  delete(name: string): void {
    const again = this.#again.size === 0 ? undefined : this.#again.get(name);
    if (again === undefined) this.#names.delete(name);
    else if (again === 1) this.#again.delete(name);
    else this.#again.set(name, again - 1);
  }
}
