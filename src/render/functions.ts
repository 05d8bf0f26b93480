import { randomBytes } from 'node:crypto';

/**
 * Random text for this run of this process. Texts of functions contain it, because no other process can know these
 * functions.
 */
const PROCESS = randomBytes(6).toString('base64url');
/** Next number of a function. All sweepers of the process share it, because two may share a store. */
let next = 0;

/** Limit of remembered texts of helpers. Further helpers are identified within this process only. */
const MAX_HELPERS = 10_000;

interface Met {
  /** The render that met it first. */
  readonly first: object;
  readonly text: string;
}

/**
 * Identifies the functions and classes that bodies read. A function that an earlier render met is taken for a helper of
 * the site, which is the same in every render; a closure made for one page is never met by another. The text of such a
 * function is valid in this process only, so other processes do not find entries made with it. Helpers of the
 * environment have texts that all processes share.
 */
export class Functions {
  readonly #met = new WeakMap<WeakKey, Met>();
  readonly #waiting: (() => void)[] = [];
  /** The helper that had each text first; undefined once another helper had the same text. */
  readonly #holders = new Map<string, WeakRef<object> | undefined>();

  /**
   * Returns the text that identifies a function, a prototype or a symbol; undefined while only one page has met it.
   *
   * @param page stands for the page that meets it
   */
  text(code: WeakKey, page: object): string | undefined {
    const known = this.#met.get(code);
    if (known !== undefined) return known.first === page ? undefined : known.text;
    this.#met.set(code, { first: page, text: `${PROCESS}.${next++}` });
    return undefined;
  }

  /**
   * Runs a function when the running code has ended. The code that sets up a site runs to its end before the first
   * request.
   */
  whenSettled(run: () => void): void {
    if (this.#waiting.length === 0) queueMicrotask(() => this.settle());
    this.#waiting.push(run);
  }

  /** Runs these functions now, for a page that the same code renders. */
  settle(): void {
    if (this.#waiting.length > 0) for (const run of this.#waiting.splice(0)) run();
  }

  /** Like {@link text}, but also returns the text of a function that only one page has met. */
  mark(code: object): string {
    this.text(code, code);
    return this.#met.get(code)?.text as string;
  }

  /**
   * Whether no other helper, in any environment of the sweeper, has had this text. The text contains name and source,
   * but two functions of one source may be closures over different values. Only a text without doubt may be shared with
   * other processes.
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
