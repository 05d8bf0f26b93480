import type { Identity } from '../model/identity.ts';
import { Body, type BodyPart } from '../render/body.ts';
import type { ViewTokens } from './view-tokens.ts';

/** A whole view while its handler runs. Several renders may add to it, each with the tokens that it read. */
export class ViewBody extends Body {
  readonly #tokens: ViewTokens;
  /** Calls of {@link depend} whose tokens are not yet read. */
  readonly #asking = new Set<Promise<void>>();

  constructor(tokens: ViewTokens) {
    super();
    this.#tokens = tokens;
  }

  override include(part: BodyPart): void {
    for (const [name, token] of part.dependencies.tokens) {
      const known = this.dependencies.tokens.get(name);
      // Two renders saw different tokens: one shows the state before a bump, the other the state after.
      if (known !== undefined && known !== token) this.uncached ??= 'bumped meanwhile';
    }
    // Take the part's own reason first; it says more than the generic one that `include` sets.
    this.uncached ??= part.uncached;
    super.include(part);
  }

  /** Adds models to the dependencies. Resolves when their tokens are known. */
  async depend(models: readonly Identity[]): Promise<void> {
    const asking = this.#tokens.depend(models).then((body) => this.include(body));
    this.#asking.add(asking);
    await asking;
    this.#asking.delete(asking);
  }

  /** Resolves when all tokens are known, and fails where some cannot be read; undefined if none is being read. */
  get asked(): Promise<unknown> | undefined {
    return this.#asking.size === 0 ? undefined : Promise.all(this.#asking);
  }

  /** All names that the view depends on, as far as is known. */
  get names(): readonly string[] {
    return [...this.dependencies.tokens.keys(), ...this.#tokens.newNames];
  }
}
