/** Names bound at a place in a template, innermost scope first. */
export class LexicalScope {
  readonly #names: Set<string>;
  readonly #outer: LexicalScope | undefined;

  constructor(names: Iterable<string> = [], outer?: LexicalScope) {
    this.#names = new Set(names);
    this.#outer = outer;
  }

  has(name: string): boolean {
    return this.#names.has(name) || (this.#outer?.has(name) ?? false);
  }

  bind(name: string): void {
    this.#names.add(name);
  }

  inner(names: Iterable<string> = []): LexicalScope {
    return new LexicalScope(names, this);
  }

  all(): string[] {
    return [...this.#names, ...(this.#outer?.all() ?? [])];
  }
}
