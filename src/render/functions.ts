import { LRUCache } from 'lru-cache';
import { digest } from '../fragment/digest.ts';

type Callable = (...args: never[]) => unknown;

/** Sources of functions that are told apart; a site has a few hundred that its bodies look at. */
const MAX_SOURCES = 10_000;
const CHARACTERS = 16;

interface Met {
  /** The render that met it first. */
  readonly first: object;
  readonly text: string;
}

/**
 * The functions of the pages that bodies read. One that was met in an earlier render is taken for a helper of the site, which is
 * the same in every render and process; a closure made for each page never is. Two functions of one source cannot be told apart
 * by another process: neither is trusted.
 */
export class Functions {
  readonly #met = new WeakMap<Callable, Met>();
  /** Which function has a source; `several` when more than one was met. */
  readonly #sources = new LRUCache<string, { readonly id: number }>({ max: MAX_SOURCES });
  readonly #ids = new WeakMap<Callable, number>();
  #nextId = 1;

  /**
   * The text that stands for a function, or undefined while it is not trusted.
   *
   * @param render the render that meets it
   */
  text(called: Callable, render: object): string | undefined {
    const known = this.#met.get(called);
    if (known === undefined) {
      const text = digest(`${called.name}\n${Function.prototype.toString.call(called)}`, CHARACTERS);
      this.#met.set(called, { first: render, text });
      const id = this.#nextId++;
      this.#ids.set(called, id);
      this.#sources.set(text, { id: this.#sources.has(text) ? SEVERAL : id });
      return undefined;
    }
    if (known.first === render) return undefined;
    return this.#sources.get(known.text)?.id === this.#ids.get(called) ? known.text : undefined;
  }
}

const SEVERAL = 0;
