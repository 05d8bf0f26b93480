/** Names bound at a place in a template, innermost scope first. */
export class Scope {
  readonly #names: Set<string>;
  readonly #outer: Scope | undefined;

  constructor(names: Iterable<string> = [], outer?: Scope) {
    this.#names = new Set(names);
    this.#outer = outer;
  }

  has(name: string): boolean {
    return this.#names.has(name) || (this.#outer?.has(name) ?? false);
  }

  bind(name: string): void {
    this.#names.add(name);
  }

  inner(names: Iterable<string> = []): Scope {
    return new Scope(names, this);
  }

  all(): string[] {
    return [...this.#names, ...(this.#outer?.all() ?? [])];
  }
}
