/**
 * Lookups of lists, and of objects with a text of their own, that a body has not looked into yet. Nunjucks prints and
 * compares without a call that could be heard, so a lookup that stays here was for the text.
 */
export class Lookups {
  #waiting: Map<object, number> | undefined;
  #isPaused = false;

  /** A lookup gave an object. */
  add(object: object): void {
    if (this.#isPaused) return;
    this.#waiting ??= new Map();
    this.#waiting.set(object, (this.#waiting.get(object) ?? 0) + 1);
  }

  /** The body looks into an object, and so takes one lookup of it back. */
  lookedInto(object: object): void {
    if (this.#waiting === undefined || this.#isPaused) return;
    const waiting = this.#waiting.get(object);
    if (waiting !== undefined && waiting > 0) this.#waiting.set(object, waiting - 1);
  }

  /** Runs lookups that are not the body's own: they neither count nor take any back. */
  pause(run: () => void): void {
    this.#isPaused = true;
    try {
      run();
    } finally {
      this.#isPaused = false;
    }
  }

  /** Returns the objects whose text the body may have used. */
  printed(): readonly object[] {
    if (this.#waiting === undefined) return NONE;
    return [...this.#waiting].flatMap(([object, waiting]) => (waiting > 0 ? [object] : []));
  }
}

const NONE: readonly object[] = [];
