import { randomBytes } from 'node:crypto';

/** Stands for this process and this life of it: no other can tell what a function of its own is. */
const PROCESS = randomBytes(6).toString('base64url');
/** Counts for all sweepers of the process: two may share a store. */
let next = 0;

/** Texts of helpers that are kept; functions beyond are told from each other by this process only. */
const MAX_HELPERS = 10_000;

interface Met {
  /** The render that met it first. */
  readonly first: object;
  readonly text: string;
}

/**
 * The functions, and the classes, of the pages that bodies read. One that was met in an earlier render is taken for a helper of the
 * site, which is the same in every render; a closure made for each page never is. Only this process knows which is which: what
 * is made with one is found by no other. A helper of the environment is shared.
 */
export class Functions {
  readonly #met = new WeakMap<WeakKey, Met>();
  readonly #waiting: (() => void)[] = [];
  /** Which helper stood first under each text. */
  readonly #holders = new Map<string, WeakRef<object> | undefined>();

  /**
   * The text that stands for a function, a prototype, a symbol; undefined while it is not trusted.
   *
   * @param page stands for the page that meets it
   */
  text(code: WeakKey, page: object): string | undefined {
    const known = this.#met.get(code);
    if (known !== undefined) return known.first === page ? undefined : known.text;
    this.#met.set(code, { first: page, text: `${PROCESS}.${next++}` });
    return undefined;
  }

  /** Runs something when the code that runs now has run to its end, which serves no request. */
  whenSettled(run: () => void): void {
    if (this.#waiting.length === 0) queueMicrotask(() => this.settle());
    this.#waiting.push(run);
  }

  /** A page that is rendered by that very code does not wait. */
  settle(): void {
    if (this.#waiting.length > 0) for (const run of this.#waiting.splice(0)) run();
  }

  /** The same where it need not be trusted. */
  mark(code: object): string {
    this.text(code, code);
    return this.#met.get(code)?.text as string;
  }

  /**
   * Whether a helper is the only one of the sweeper's environments that has stood under a text, which says its name and its source:
   * two of one source may be closures over something else. Only then another process may take the text for it.
   */
  isOnly(text: string, code: object): boolean {
    if (!this.#holders.has(text)) {
      if (this.#holders.size >= MAX_HELPERS) return false;
      this.#holders.set(text, new WeakRef(code));
      return true;
    }
    const isSame = this.#holders.get(text)?.deref() === code;
    if (!isSame) this.#holders.set(text, undefined);
    return isSame;
  }
}
