import { randomBytes } from 'node:crypto';
import { type Bound, type Hole, MAX_HOLES } from '../../cache/hole.ts';

/** A hole of a body that is being rendered: where to fill it on the next page, and what it shows on this one. */
export interface OpenHole {
  readonly hole: Omit<Hole, 'at'>;
  readonly text: string;
}

/** The html of a body without what its holes show. */
export interface CutHtml {
  readonly html: string;
  readonly holes: readonly Hole[];
  /** What each hole shows on this page. */
  readonly texts: readonly string[];
}

const NONE: readonly never[] = [];
const SECRET_BYTES = 18;

/**
 * The holes of one body while it is rendered.
 *
 * At the place of each the body prints a mark, which no text of the page can equal, because it holds a secret of this
 * render. A hole counts as kept only if its mark is printed once, unchanged. The mark has characters that each usual
 * transformation changes: `<&"'`, both cases, a line break.
 *
 * That shows what is printed, but not what else a template does with html that holds a mark, such as asking for its
 * length. So such html reaches the template in two ways only. As text it can only be captured, by `set` or `filter`,
 * where it is looked for ({@link look}). What macros return is an object that can be printed once ({@link printable}).
 * What code of the site renders itself is lost ({@link apart}).
 */
export class OpenHoles {
  readonly #open: OpenHole[] = [];
  #secret: string | undefined;
  #isLost = false;
  /** What the template prints next. */
  #printing: unknown;
  /** How many calls of the site's own code are running that may use html as they like. */
  #apart = 0;
  /** Milliseconds that filling the holes took, which a hit does not save. */
  spent = 0;

  /** Opens a hole, and returns the mark to print at its place. */
  open(hole: OpenHole): string {
    this.#secret ??= randomBytes(SECRET_BYTES).toString('base64url');
    if (this.#open.length >= MAX_HOLES) this.#isLost = true;
    return `${this.#mark}${this.#open.push(hole) - 1}>`;
  }

  /** How each mark begins; the number of the hole follows. */
  get #mark(): string {
    return `\n<aA${this.#secret}&"'`;
  }

  /** Whether html with holes was used otherwise than by printing it. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Notes that html with holes is used otherwise than by printing it. */
  lose(): void {
    this.#isLost = true;
  }

  /** Whether a hole met now can stay open. Code of the site that renders it would use its mark. */
  get canOpen(): boolean {
    return this.#apart === 0;
  }

  /** Runs code of the site that may render a part of the body, and use its html as it likes. */
  apart<T>(run: () => T): T {
    this.#apart++;
    try {
      return run();
    } finally {
      this.#apart--;
    }
  }

  /** Notes what is printed next: nothing else runs before the template asks for its text. */
  print(value: unknown): void {
    this.#printing = value;
  }

  has(text: string): boolean {
    return this.#secret !== undefined && text.includes(this.#secret);
  }

  /** Looks for marks in a value that a template captures or hands to a filter. */
  look(value: unknown): void {
    if (this.#secret !== undefined && typeof value === 'string' && this.has(value)) this.#isLost = true;
  }

  /**
   * Returns an object in place of html that a macro has returned, marked as safe. It can be printed once. Every other
   * use, such as `length`, or a function or filter that asks for the text, loses the holes.
   *
   * @param safe the html as Nunjucks marks it as safe
   */
  printable<T extends object>(safe: T, html: string): T {
    if (!this.has(html)) return safe;
    let isUsed = false;
    const lost = (): void => this.lose();
    const use = (): string => {
      if (isUsed || this.#printing !== once) lost();
      isUsed = true;
      this.#printing = undefined;
      return html;
    };
    const once = Object.create(Object.getPrototypeOf(safe) as object, {
      [Symbol.toPrimitive]: { value: use },
    }) as T;
    for (const name of Object.keys(safe)) {
      Object.defineProperty(once, name, {
        enumerable: true,
        get() {
          lost();
          return (safe as Record<string, unknown>)[name];
        },
      });
    }
    return once;
  }

  /** Returns the html of the body without its holes; undefined if one of them was lost. */
  cut(html: string): CutHtml | undefined {
    if (this.#isLost) return undefined;
    if (this.#open.length === 0) return { html, holes: NONE, texts: NONE };
    const left = new Map(this.#open.entries());
    const [first, ...others] = html.split(this.#mark) as [string, ...string[]];
    let without = first;
    const holes: Hole[] = [];
    const bounds = new Map<string, Bound>();
    const texts: string[] = [];
    for (const other of others) {
      const end = other.indexOf('>');
      const index = Number(other.slice(0, end));
      const open = left.get(index);
      if (open === undefined) return undefined;
      left.delete(index);
      const { template, ordinal, values, isFramed, sees, isInContext } = open.hole;
      const bound = same(open.hole.bound, bounds);
      holes.push({ at: without.length, template, ordinal, values, isFramed, sees, isInContext, bound });
      texts.push(open.text);
      without += other.slice(end + 1);
    }
    return left.size > 0 || this.has(without) ? undefined : { html: without, holes, texts };
  }
}

/** Returns the one of some equal ones that stands for all, so that an entry keeps it once. */
function same(bound: Bound, known: Map<string, Bound>): Bound {
  const key = `${bound.inFrames}|${bound.inContext}`;
  const first = known.get(key);
  if (first !== undefined) return first;
  known.set(key, bound);
  return bound;
}

/** Returns html with a text at the place of each hole. */
export function filled(html: string, holes: readonly Hole[], textOf: (hole: Hole, index: number) => string): string {
  let all = '';
  let from = 0;
  for (let i = 0; i < holes.length; i++) {
    const hole = holes[i] as Hole;
    all += html.slice(from, hole.at) + textOf(hole, i);
    from = hole.at;
  }
  return all + html.slice(from);
}
