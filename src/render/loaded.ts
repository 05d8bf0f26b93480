import { MAX_DEPENDENCIES } from '../cache/entry.ts';
import { Body } from './body.ts';

/**
 * What the code of a lazy, a view or a request has loaded from elsewhere, such as an HTTP API, since it began. Each fragment of the
 * pages that it renders depends on all of it, because nobody knows which of it a page shows.
 */
export class Loaded {
  /** Most code loads nothing by a client that tells. */
  #body: Body | undefined;
  readonly #around: Loaded | undefined;

  /** @param around of the view or request that the code belongs to */
  constructor(around?: Loaded) {
    this.#around = around;
  }

  /** Adds what was loaded: its names, with the tokens that they had before. */
  add(part: Body): void {
    this.#body ??= new Body();
    if (part.uncached !== undefined) this.#body.refuse(part.uncached);
    // Nothing with more is stored, so what runs for long need not remember more.
    if (this.#body.dependencies.tokens.size > MAX_DEPENDENCIES) return this.#body.refuse('too many dependencies');
    this.#body.include(part);
  }

  /** Makes a body depend on all of it. */
  addTo(body: Body): void {
    this.#around?.addTo(body);
    if (this.#body === undefined) return;
    if (this.#body.uncached !== undefined) body.refuse(this.#body.uncached);
    body.include(this.#body);
  }
}
