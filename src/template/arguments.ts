import type { CacheSweeperErrorCode } from '../errors.ts';
import type { Lexer, Node, Parser, ParserClass, Token } from './nunjucks.ts';
import { childNodes } from './syntax.ts';
import { positionOf, templateError } from './template-error.ts';

/** The arguments of a tag as they were written. */
export interface TagArguments {
  readonly operands: readonly Node[];
  readonly keywords: ReadonlyMap<string, Node>;
}

interface Operand {
  readonly keyword: Token | undefined;
  readonly tokens: readonly Token[];
}

const WORD_OPERATORS: ReadonlySet<unknown> = new Set(['if', 'else', 'and', 'or', 'not', 'in', 'is']);

/**
 * Reads a tag's arguments up to its end, which stays unread.
 *
 * Nunjucks' own expression parser skips white space, so `500 -1` would become 499 and `a.b (c)` a call. Here the tokens
 * are first cut into operands where the spaces and commas are, and each operand is then parsed alone.
 *
 * @param allowed the keywords of this tag
 * @throws CacheSweeperError CACHESWEEPER_BAD_TAG, placed in the template, for whatever could be meant in two ways
 */
export function parseArguments(parser: Parser, lexer: Lexer, tag: Token, allowed: readonly string[]): TagArguments {
  const operands: Node[] = [];
  const keywords = new Map<string, Node>();
  for (const { keyword, tokens } of new Splitter(parser, lexer, tag).split()) {
    const node = parseOperand(parser, tokens);
    if (keyword === undefined) {
      if (keywords.size > 0)
        fail(tokens[0] ?? tag, `an operand stands behind ${[...keywords.keys()].at(-1)}=: put operands first`);
      operands.push(node);
      continue;
    }
    const name = String(keyword.value);
    if (!allowed.includes(name)) {
      fail(keyword, `unknown keyword ${name}=: expected one of ${allowed.map((word) => `${word}=`).join(', ')}`);
    }
    if (keywords.has(name)) fail(keyword, `the keyword ${name}= is given twice`);
    keywords.set(name, node);
  }
  return { operands, keywords };
}

export function fail(token: Token, message: string, code: CacheSweeperErrorCode = 'CACHESWEEPER_BAD_TAG'): never {
  throw templateError(code, message, positionOf(token));
}

/** Cuts the tokens of a tag into operands. */
class Splitter {
  readonly #parser: Parser;
  readonly #types: Lexer;
  readonly #tag: Token;
  readonly #operands: Operand[] = [];
  #keyword: Token | undefined;
  #current: Token[] = [];
  /** White space or a comma stood before the token at hand. */
  #apart = true;
  #comma: Token | undefined;

  constructor(parser: Parser, types: Lexer, tag: Token) {
    this.#parser = parser;
    this.#types = types;
    this.#tag = tag;
  }

  split(): readonly Operand[] {
    for (let token = this.#next(); token.type !== this.#types.TOKEN_BLOCK_END; token = this.#next()) {
      if (token.type === this.#types.TOKEN_WHITESPACE) this.#apart = true;
      else this.#take(token);
    }
    if (this.#comma !== undefined) fail(this.#comma, 'a comma at the end: an operand is missing behind it');
    this.#finish();
    return this.#operands;
  }

  #take(token: Token): void {
    const types = this.#types;
    const apart = this.#apart;
    this.#apart = false;
    if (token.type === types.TOKEN_COMMA) return this.#separate(token);
    if (token.type === types.TOKEN_PIPE) return this.#filter(token);
    if (token.type === types.TOKEN_OPERATOR || token.type === types.TOKEN_TILDE || token.type === types.TOKEN_COLON) {
      return this.#operator(token, apart);
    }
    if (token.type === types.TOKEN_SYMBOL && WORD_OPERATORS.has(token.value)) {
      fail(
        token,
        `the operator "${token.value}" needs parentheses around its expression here: write (… ${token.value} …)`,
      );
    }
    const opens = this.#opens(token);
    const goesOn = this.#current.length > 0 && !apart && opens && token.type !== types.TOKEN_LEFT_CURLY;
    if (!goesOn && this.#current.length > 0) {
      if (!apart) fail(token, `write a space or a comma before ${shown(token)}`);
      this.#finish();
    }
    if (opens) this.#bracketed(token);
    else this.#current.push(token);
    this.#comma = undefined;
  }

  #separate(comma: Token): void {
    if (this.#comma !== undefined || (this.#current.length === 0 && this.#keyword === undefined)) {
      fail(comma, 'a comma without an operand before it');
    }
    this.#finish();
    this.#comma = comma;
    this.#apart = true;
  }

  /** `| name`, with arguments if a parenthesis follows at once. */
  #filter(pipe: Token): void {
    if (this.#current.length === 0) fail(pipe, 'a filter without a value before it');
    this.#current.push(pipe, this.#symbolAfter(pipe, 'the name of a filter', true));
  }

  #operator(token: Token, apart: boolean): void {
    const { value } = token;
    if (value === '.' && this.#current.length > 0) {
      if (apart) fail(token, 'no space is allowed before "." here');
      this.#current.push(token, this.#symbolAfter(token, 'a name', false));
      return;
    }
    const [name, ...others] = this.#current;
    if (
      value === '=' &&
      name?.type === this.#types.TOKEN_SYMBOL &&
      others.length === 0 &&
      this.#keyword === undefined
    ) {
      this.#keyword = name;
      this.#current = [];
      this.#apart = true;
      return;
    }
    fail(
      token,
      `the operator ${shown(token)} needs parentheses around its expression here: write (a ${value} b) or (${value}1)`,
    );
  }

  #symbolAfter(before: Token, what: string, spaces: boolean): Token {
    let token = this.#next();
    while (spaces && token.type === this.#types.TOKEN_WHITESPACE) token = this.#next();
    if (token.type !== this.#types.TOKEN_SYMBOL)
      fail(before, `expected ${what} behind ${shown(before)}, got ${shown(token)}`);
    return token;
  }

  #opens({ type }: Token): boolean {
    return (
      type === this.#types.TOKEN_LEFT_PAREN ||
      type === this.#types.TOKEN_LEFT_BRACKET ||
      type === this.#types.TOKEN_LEFT_CURLY
    );
  }

  /** Everything up to the bracket that closes this one belongs to the operand. */
  #bracketed(open: Token): void {
    const types = this.#types;
    let depth = 0;
    for (let token = open; ; token = this.#next()) {
      if (token.type === types.TOKEN_BLOCK_END || token.type === types.TOKEN_VARIABLE_END) {
        const hint = open.type === types.TOKEN_LEFT_CURLY ? '; write "} }" with a space where two braces close' : '';
        fail(open, `the bracket ${shown(open)} is not closed${hint}`);
      }
      this.#current.push(token);
      if (this.#opens(token)) depth++;
      else if (
        token.type === types.TOKEN_RIGHT_PAREN ||
        token.type === types.TOKEN_RIGHT_BRACKET ||
        token.type === types.TOKEN_RIGHT_CURLY
      ) {
        depth--;
        if (depth === 0) return;
      }
    }
  }

  #finish(): void {
    if (this.#current.length > 0) this.#operands.push({ keyword: this.#keyword, tokens: this.#current });
    else if (this.#keyword !== undefined) fail(this.#keyword, `a value is missing behind ${this.#keyword.value}=`);
    this.#current = [];
    this.#keyword = undefined;
  }

  #next(): Token {
    const token = this.#parser.nextToken(true);
    if (token === null || token.type === this.#types.TOKEN_VARIABLE_END) {
      return fail(this.#tag, `the tag ${this.#tag.value} is not closed`);
    }
    if (token.type === this.#types.TOKEN_BLOCK_END) this.#parser.pushToken(token);
    return token;
  }
}

function shown(token: Token): string {
  return typeof token.value === 'string' ? `"${token.value}"` : token.type;
}

/** Parses one operand with Nunjucks' own parser, which sees nothing but its tokens. */
function parseOperand(parser: Parser, tokens: readonly Token[]): Node {
  const first = tokens[0] as Token;
  // Where it looks for more, Nunjucks' parser expects a token: a tag's end is one.
  const end: Token = { type: 'end', value: 'the end', lineno: first.lineno, colno: first.colno };
  const rest = [...tokens, end];
  const Parser = parser.constructor as ParserClass;
  const own = new Parser({ nextToken: () => rest.shift() ?? null });
  let node: Node;
  try {
    node = own.parseUnary();
  } catch (error) {
    // At the end of its tokens Nunjucks' parser sometimes reads a property of null.
    if (error instanceof TypeError) return fail(first, `cannot read the operand that starts with ${shown(first)}`);
    throw error;
  }
  const left = own.nextToken();
  if (left !== null && left !== end)
    fail(left, `cannot read the operand that starts with ${shown(first)}: ${shown(left)} is left over`);
  checkGroups(node, first);
  return node;
}

/** `(a, b)` would silently be b, and `()` a syntax error in the compiled code. */
function checkGroups(node: Node, at: Token): void {
  if (node.typename === 'Group' && childNodes(node).length !== 1) {
    fail(at, 'parentheses hold one expression here: write a list as [a, b]');
  }
  for (const child of childNodes(node)) checkGroups(child, at);
}
