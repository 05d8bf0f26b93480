import { badOption } from '../../util/check-option.ts';
import { describe } from '../../util/describe.ts';
import { isPlain } from '../../util/plain.ts';
import { type Piece, piecesWith } from '../http/open-places.ts';
import { Remnants } from '../http/remnants.ts';

/** Shorter values may stand somewhere else on a page by chance. */
const MIN_VALUE = 16;
const MAX_VALUE = 2_048;
const MAX_NAMES = 20;
/** Signs that stand for themselves in every body of text and in every header. */
const VISIBLE = /^[\x21-\x7e]+$/;
/** Begins and ends what stands for a value in the text of a read. No canonical text has this sign. */
const MARK = '\x01';

type Functions = ReadonlyMap<unknown, unknown>;

/** The values of one visitor that are taken out of a page when it is stored, and put in when it is sent. */
export class Replacements {
  /** Nothing is replaced. */
  static readonly NONE: Replacements = new Replacements(new Map(), new Map());
  /** Values by name, in the order of the names. */
  readonly values: ReadonlyMap<string, string>;
  /** The names, each with the kind of its value, as a text for the view's key. */
  readonly key: string;
  /** Functions that middleware left and that gave one of the values, with that value. */
  readonly #functions: Functions;
  /** What handlers are given in the place of these functions. */
  readonly #shown = new Map<unknown, unknown>();
  #remnants: Remnants | undefined;

  private constructor(values: ReadonlyMap<string, string>, functions: Functions) {
    this.values = values;
    this.key = JSON.stringify([...values].map(([name, value]) => [name, kindOf(value)]));
    this.#functions = functions;
  }

  /**
   * Checks what the option `replace` has returned.
   *
   * @param called functions that it called, with what they returned
   * @returns undefined if a value is missing, or cannot be told from all else
   * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION for what is no object of texts
   */
  static of(given: unknown, called: Functions): Replacements | undefined {
    if (typeof given !== 'object' || given === null || Array.isArray(given) || !isPlain(given))
      throw notTexts(describe(given));
    const pairs = Object.entries(given).sort(([a], [b]) => (a < b ? -1 : 1));
    if (pairs.length > MAX_NAMES) throw notTexts(`${pairs.length} of them`);
    const values = new Map<string, string>();
    for (const [name, value] of pairs) {
      if (value === undefined || value === null) return undefined;
      if (typeof value !== 'string') throw notTexts(`${describe(value)} for ${JSON.stringify(name)}`);
      if (!isTold(value) || [...values.values()].some((other) => areAlike(other, value))) return undefined;
      values.set(name, value);
    }
    const all = new Set<unknown>(values.values());
    return new Replacements(values, new Map([...called].filter(([, result]) => all.has(result))));
  }

  /** Finds what is left of the values where they were cut out. */
  get remnants(): Remnants {
    this.#remnants ??= new Remnants(this.values.values());
    return this.#remnants;
  }

  /** Whether functions that middleware left have given any of them. */
  get hasFunctions(): boolean {
    return this.#functions.size > 0;
  }

  /** Whether a value needs no place in a key: it is one that is replaced, or a function that gives one. */
  has(value: unknown): boolean {
    return this.textOf(value) !== undefined;
  }

  /** Returns the text that stands for a value in a key if the whole value is one that is replaced, or gives one. */
  textOf(value: unknown): string | undefined {
    if (typeof value === 'function')
      return this.#functions.has(value) || this.#shown.has(value) ? 'replaced()' : undefined;
    if (typeof value !== 'string') return undefined;
    for (const [name, own] of this.values) if (own === value) return `replaced ${JSON.stringify(name)}`;
    return undefined;
  }

  /** Returns a text of a read with names in the place of values. */
  marked(text: string): string {
    let marked = text;
    for (const [name, value] of this.values) {
      // The text has the value in the spelling of JSON.
      marked = marked.split(JSON.stringify(value).slice(1, -1)).join(`${MARK}${JSON.stringify(name)}${MARK}`);
    }
    return marked;
  }

  /** Whether a text has one of the values. */
  isIn(text: string): boolean {
    return [...this.values.values()].some((value) => text.includes(value));
  }

  /** Returns a text without the values. */
  without(text: string): string {
    let left = text;
    for (const value of this.values.values()) left = left.split(value).join('');
    return left;
  }

  /**
   * Returns where the values stand in a text; undefined if they overlap, or are more than are allowed.
   *
   * @param taken pieces that are taken out in any case
   */
  piecesOf(bytes: Buffer, taken?: readonly Piece[]): readonly Piece[] | undefined {
    return piecesWith(bytes, this.values, taken);
  }

  /**
   * Returns what a handler is given for a value that middleware left: in the place of a function that gave one of the
   * values, one that gives it again. A token that is made anew at each call would be another than the one that is replaced.
   *
   * @param isSame whether the visitor's session is still that of the values
   * @param others called when the function is called in another way, of which nothing is known
   */
  shown(value: unknown, isSame: () => boolean, others: () => void): unknown {
    if (typeof value !== 'function' || !this.#functions.has(value)) return value;
    const result = this.#functions.get(value);
    const again = new Proxy(value as () => unknown, {
      apply(target, self, args: []): unknown {
        if (args.length === 0 && isSame()) return result;
        others();
        return Reflect.apply(target, self, args);
      },
    });
    this.#shown.set(again, result);
    return again;
  }
}

function isTold(value: string): boolean {
  return value.length >= MIN_VALUE && value.length <= MAX_VALUE && VISIBLE.test(value);
}

/**
 * Returns what a template, or an encoder, may go by when it writes a value: its length, the signs that are escaped somewhere,
 * and whether it has small and capital letters. A place where one visitor's value stands as it is would have another
 * spelling of a value of another kind.
 */
function kindOf(value: string): string {
  const signs = [...new Set(value.replace(/[\w.-]/g, ''))].sort().join('');
  return `${value.length}${/[a-z]/.test(value) ? 'a' : ''}${/[A-Z]/.test(value) ? 'A' : ''}${signs}`;
}

function areAlike(one: string, other: string): boolean {
  return one.includes(other) || other.includes(one);
}

function notTexts(got: string) {
  return badOption('cacheView() replace', 'a function that returns an object of at most 20 texts', got);
}
