/** Elements whose content is text: a comment in there would be shown, or run. */
const TEXT_ELEMENTS: ReadonlySet<string> = new Set([
  'script',
  'style',
  'textarea',
  'title',
  'xmp',
  'iframe',
  'noembed',
  'noframes',
  'noscript',
]);
/** Elements in which the elements above are ordinary ones. */
const FOREIGN: ReadonlySet<string> = new Set(['svg', 'math']);
/** A line break behind these start tags is dropped, but not one behind a comment. */
const DROPS_LINE_BREAK: ReadonlySet<string> = new Set(['pre', 'listing']);

/** A part of html in which no comment can stand, from the first character to the last. */
type Closed = readonly [from: number, to: number];

/**
 * Finds out where in html a comment can stand without changing what is shown: not in tags, in other comments, and in elements
 * whose content is text. It knows as much of https://html.spec.whatwg.org/#tokenization as that takes. What it does not
 * understand counts as closed.
 */
export class CommentPlaces {
  readonly #html: string;
  /** In order. Between the two ends of one, no comment can stand; at the ends it can. */
  readonly #closed: Closed[] = [];
  /** Where the end tag of the body begins; undefined if there is none. */
  bodyEnd: number | undefined;
  /** Names of the foreign elements that are open. */
  readonly #foreign: string[] = [];

  constructor(html: string) {
    this.#html = html;
    let at = 0;
    while (at < html.length) {
      const next = html.indexOf('<', at);
      if (next === -1) break;
      at = this.#markup(next);
    }
  }

  /** Whether a comment can stand in front of this character. */
  has(at: number): boolean {
    const html = this.#html;
    const closed = this.#closed[this.#lastBefore(at)];
    if (closed !== undefined && at < closed[1]) return false;
    // In a character reference, or between the two characters of a line break.
    if (/[\w;]/.test(html[at] ?? '') && /&#?\w{0,32}$/.test(html.slice(Math.max(0, at - 34), at))) return false;
    // Behind a comment, a byte order mark would be a text.
    return !(html[at] === '\n' && html[at - 1] === '\r') && html[at] !== '\uFEFF';
  }

  /** Returns the index of the last closed part that begins before a place; -1 if there is none. */
  #lastBefore(at: number): number {
    let low = 0;
    let high = this.#closed.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#closed[middle] as Closed)[0] < at) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Reads what begins with `<`, and returns where it ends. */
  #markup(at: number): number {
    const html = this.#html;
    if (html.startsWith('<!--', at)) return this.#close(at, commentEnd(html, at));
    if (html.startsWith('<![CDATA[', at) && this.#foreign.length > 0) {
      // In svg it ends with `]]>`, in html with `>`: where these differ, what follows is not known.
      const end = after(html, ']]>', at);
      return this.#close(at, end === after(html, '>', at) ? end : html.length + 1);
    }
    if (/^<[!?]/.test(html.slice(at, at + 2))) return this.#close(at, after(html, '>', at));
    const name = /^<(\/?)([a-z][^\t\n\f\r />]*)/i.exec(html.slice(at, at + 64));
    // `</` and what is no name begin a comment up to `>`; `<` alone is text.
    if (name === null) return html[at + 1] === '/' ? this.#close(at, after(html, '>', at)) : at + 1;
    const tag = readTag(html, at + name[0].length);
    const { end } = tag;
    this.#close(at, end);
    const element = (name[2] as string).toLowerCase();
    if (name[1] === '/') {
      const open = FOREIGN.has(element) ? this.#foreign.lastIndexOf(element) : -1;
      if (open !== -1) this.#foreign.splice(open, 1);
      if (element === 'body') this.bodyEnd = at;
      return end;
    }
    return this.#inside(element, tag);
  }

  /** Closes what follows a start tag, as far as it is no html. */
  #inside(element: string, { end: from, closesItself }: Tag): number {
    const html = this.#html;
    if (FOREIGN.has(element) && !closesItself) this.#foreign.push(element);
    if (element === 'plaintext') return this.#close(from - 1, html.length + 1);
    if (DROPS_LINE_BREAK.has(element) && /[\r\n]/.test(html[from] ?? '')) return this.#close(from - 1, from + 1);
    if (!TEXT_ELEMENTS.has(element)) return from;
    const rest = html.slice(from);
    const length = rest.search(new RegExp(`</${element}[\\t\\n\\f\\r />]`, 'i'));
    const content = rest.slice(0, length);
    // In svg these elements hold html, and in a script `<!--<script>` hides the next end tag: what follows is not known.
    const isUnknown =
      (this.#foreign.length > 0 && content.includes('<')) || (element === 'script' && hidesItsEnd(content));
    if (length === -1 || isUnknown) return this.#close(from - 1, html.length + 1);
    return this.#close(from - 1, from + length + 1) - 1;
  }

  #close(from: number, to: number): number {
    this.#closed.push([from, to]);
    return to;
  }
}

/** Whether a script may contain the end tag of another one. */
function hidesItsEnd(script: string): boolean {
  const comment = script.indexOf('<!--');
  return comment !== -1 && /<script/i.test(script.slice(comment));
}

/** Returns where a text ends that comes after a place; the end of the html, and one more, if it does not come. */
function after(html: string, text: string, at: number): number {
  const found = html.indexOf(text, at);
  return found === -1 ? html.length + 1 : found + text.length;
}

/** `<!-->` and `<!--->` are whole comments, and `--!>` ends one. */
function commentEnd(html: string, at: number): number {
  const short = /^<!--(?:>|->)/.exec(html.slice(at, at + 6));
  if (short !== null) return at + short[0].length;
  const end = /--!?>/g;
  end.lastIndex = at + 4;
  return end.exec(html) === null ? html.length + 1 : end.lastIndex;
}

const BETWEEN = /[\t\n\f\r /]*/y;
const NAME = /[^\t\n\f\r />][^\t\n\f\r />=]*/y;
const EQUALS = /[\t\n\f\r ]*=[\t\n\f\r ]*/y;
const UNQUOTED = /[^\t\n\f\r >]*/y;

interface Tag {
  readonly end: number;
  /** Whether it ends with a `/` that is of no attribute: `<svg/>`, but not `<svg a=b/>`. */
  readonly closesItself: boolean;
}

/** Reads a tag from behind its name. Its attributes may hold `>`. */
function readTag(html: string, from: number): Tag {
  const open: Tag = { end: html.length + 1, closesItself: false };
  let last = from;
  let at = skip(html, BETWEEN, last);
  while (html[at] !== '>') {
    if (at >= html.length) return open;
    at = skip(html, NAME, at);
    const value = skip(html, EQUALS, at);
    if (value > at) {
      const quote = html[value];
      const isQuoted = quote === '"' || quote === "'";
      at = isQuoted ? after(html, quote, value + 1) : skip(html, UNQUOTED, value);
      if (at === open.end) return open;
    }
    last = at;
    at = skip(html, BETWEEN, last);
  }
  return { end: at + 1, closesItself: at > last && html[at - 1] === '/' };
}

/** Returns where a match ends that begins at a place; the place if there is none. */
function skip(html: string, pattern: RegExp, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(html) ? pattern.lastIndex : at;
}
