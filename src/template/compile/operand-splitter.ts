import type { Lexer, Parser, Token } from '../nunjucks.ts';
import { failAt } from './template-error.ts';

/** One argument of a tag: its tokens, and the keyword before them, if any. */
export interface Operand {
  readonly keyword: Token | undefined;
  readonly tokens: readonly Token[];
}

const WORD_OPERATORS: ReadonlySet<unknown> = new Set(['if', 'else', 'and', 'or', 'not', 'in', 'is']);
/** Limit of nested brackets. Deeper ones would overflow the stack in Nunjucks. */
const MAX_DEPTH = 100;
/**
 * A proper name. Nunjucks also accepts as a name anything that is no space, number or delimiter: `10m`, `a"b"`, `x&&y`.
 */
const NAME = /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u;

/** Cuts the tokens of a tag into operands, at spaces and commas. */
export class OperandSplitter {
  readonly #parser: Parser;
  readonly #types: Lexer;
  readonly #tag: Token;
  readonly #keywords: string;
  readonly #operands: Operand[] = [];
  #keyword: Token | undefined;
  #current: Token[] = [];
  /** Whether white space or a comma came before the current token. */
  #apart = true;
  #comma: Token | undefined;

  /** @param keywords the keywords of this tag, for error messages */
  constructor(parser: Parser, types: Lexer, tag: Token, keywords: string) {
    this.#parser = parser;
    this.#types = types;
    this.#tag = tag;
    this.#keywords = keywords;
  }

  split(): readonly Operand[] {
    for (let token = this.#next(); token.type !== this.#types.TOKEN_BLOCK_END; token = this.#next()) {
      if (token.type === this.#types.TOKEN_WHITESPACE) this.#apart = true;
      else this.#take(token);
    }
    if (this.#comma !== undefined) failAt(this.#comma, 'a comma at the end: an operand is missing behind it');
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
      failAt(
        token,
        `the operator "${token.value}" needs parentheses around its expression here: write (… ${token.value} …)`,
      );
    }
    if (this.#closes(token)) failAt(token, `the bracket ${shown(token)} closes nothing`);
    const opens = this.#opens(token);
    const goesOn = this.#current.length > 0 && !apart && opens && token.type !== types.TOKEN_LEFT_CURLY;
    if (!goesOn && this.#current.length > 0) {
      if (!apart) failAt(token, `write a space or a comma before ${shown(token)}`);
      this.#finish();
    }
    if (opens) this.#bracketed(token);
    else this.#current.push(token);
    this.#comma = undefined;
  }

  #separate(comma: Token): void {
    if (this.#comma !== undefined || (this.#current.length === 0 && this.#keyword === undefined)) {
      failAt(comma, 'a comma without an operand before it');
    }
    this.#finish();
    this.#comma = comma;
    this.#apart = true;
  }

  /** Takes `| name`. A parenthesis that follows at once has its arguments. */
  #filter(pipe: Token): void {
    if (this.#current.length === 0) failAt(pipe, 'a filter without a value before it');
    this.#current.push(pipe, this.#symbolAfter(pipe, 'the name of a filter', true));
  }

  #operator(token: Token, apart: boolean): void {
    const { value } = token;
    if (value === '.') {
      if (this.#current.length === 0) failAt(token, 'a name is missing before "."');
      if (apart) failAt(token, 'no space is allowed before "." here; a number is written 0.5');
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
    failAt(token, this.#operatorMessage(token));
  }

  #operatorMessage(token: Token): string {
    switch (token.value) {
      case '=':
        return `"=" belongs behind a keyword: ${this.#keywords}`;
      case ':':
        return '":" belongs in a dict: write { name: value }';
      case '!':
        return '"!" is not an operator: write (not a)';
      case '#':
        return '"#" has no meaning here';
      case '-':
      case '+':
        return `the operator "${token.value}" needs parentheses around its expression here: write (a ${token.value} b) or (${token.value}1)`;
      default:
        return `the operator ${shown(token)} needs parentheses around its expression here: write (a ${token.value} b)`;
    }
  }

  #symbolAfter(before: Token, what: string, spaces: boolean): Token {
    let token = this.#next();
    while (spaces && token.type === this.#types.TOKEN_WHITESPACE) token = this.#next();
    if (token.type !== this.#types.TOKEN_SYMBOL)
      failAt(before, `expected ${what} behind ${shown(before)}, got ${shown(token)}`);
    return token;
  }

  #opens({ type }: Token): boolean {
    return (
      type === this.#types.TOKEN_LEFT_PAREN ||
      type === this.#types.TOKEN_LEFT_BRACKET ||
      type === this.#types.TOKEN_LEFT_CURLY
    );
  }

  #closes({ type }: Token): boolean {
    return (
      type === this.#types.TOKEN_RIGHT_PAREN ||
      type === this.#types.TOKEN_RIGHT_BRACKET ||
      type === this.#types.TOKEN_RIGHT_CURLY
    );
  }

  /** Takes everything up to the closing bracket into the operand. */
  #bracketed(first: Token): void {
    const open: Token[] = [];
    for (let token = first; ; token = this.#next(open)) {
      this.#current.push(token);
      if (this.#opens(token)) {
        open.push(token);
        if (open.length > MAX_DEPTH) failAt(token, `brackets are nested deeper than ${MAX_DEPTH} levels`);
      } else if (this.#closes(token)) {
        // Nunjucks' parser accepts any closing bracket for any opening one.
        const opened = open.pop() as Token;
        if (token.type !== opened.type.replace('left', 'right'))
          failAt(token, `the bracket ${shown(opened)} is closed by ${shown(token)}`);
        if (open.length === 0) return;
      }
    }
  }

  #finish(): void {
    if (this.#current.length > 0) this.#operands.push({ keyword: this.#keyword, tokens: this.#current });
    else if (this.#keyword !== undefined) failAt(this.#keyword, `a value is missing behind ${this.#keyword.value}=`);
    this.#current = [];
    this.#keyword = undefined;
  }

  /** Returns the next token; rejects tokens that Nunjucks' parser would misread. */
  #next(open: readonly Token[] = []): Token {
    const types = this.#types;
    const token = this.#parser.nextToken(true);
    const bracket = open.at(-1);
    if (token === null) {
      const hint = `write ${this.#parser.tokens.tags.BLOCK_END} at its end; or a quote in it is not closed`;
      return failAt(this.#tag, `the tag ${this.#tag.value} is not closed: ${hint}`);
    }
    if (token.type === types.TOKEN_VARIABLE_END) {
      const hint = `write a space inside it where two brackets close, and ${this.#parser.tokens.tags.BLOCK_END} at the end of the tag`;
      return failAt(token, `${shown(token)} ends a variable, not this tag: ${hint}`);
    }
    if (token.type === types.TOKEN_BLOCK_END) {
      if (bracket !== undefined) failAt(bracket, `the bracket ${shown(bracket)} is not closed`);
      this.#parser.pushToken(token);
    }
    if (token.type === types.TOKEN_SYMBOL && !NAME.test(String(token.value)))
      failAt(token, `${shown(token)} is neither a name nor a number: text is written in quotes`);
    if (token.type === types.TOKEN_INT && !Number.isSafeInteger(Number(token.value)))
      failAt(token, `the number ${token.value} cannot be held exactly: write it as text, in quotes`);
    return token;
  }
}

/** Returns a token as error messages show it. */
export function shown(token: Token): string {
  return typeof token.value === 'string' ? `"${token.value}"` : token.type;
}
