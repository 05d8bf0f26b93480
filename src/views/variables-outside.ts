/**
 * Variables that others give to a page behind its handler, where the framework renders later. A page that uses one of
 * them is made for its visitor.
 */
export class VariablesOutside {
  #names: ReadonlySet<string> = new Set();
  /** Whether a page of ours has begun since they were given, which tells what it looks up. */
  #hasPage = false;

  given(names: ReadonlySet<string>): void {
    this.#names = names;
    this.#hasPage = false;
  }

  pageBegins(): void {
    this.#hasPage = true;
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** Whether any were given. */
  get areThere(): boolean {
    return this.#names.size > 0;
  }

  /** Whether they may have been used unseen: templates of others do not say what they look up. */
  get mayBeUsed(): boolean {
    return this.areThere && !this.#hasPage;
  }
}
