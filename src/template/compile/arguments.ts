import type { Lexer, Node, Parser, ParserClass, Token, TokenSource } from '../nunjucks.ts';
import { OperandSplitter, shown } from './operand-splitter.ts';
import { childNodes, isNode } from './syntax.ts';
import { failAt, type Position, positionOf } from './template-error.ts';

/** The arguments of a tag, as parsed. */
export interface TagArguments {
  /** The first token of each argument, in the order of the text. */
  readonly begins: readonly Token[];
  readonly operands: readonly Node[];
  readonly keywords: ReadonlyMap<string, Node>;
}

/** A tag as it is written in its template. */
export interface WrittenTag {
  readonly at: Position;
  /** Its name and arguments, without the brackets around them. */
  readonly text: string;
  /** The text of each argument. */
  readonly texts: readonly string[];
  readonly args: TagArguments;
}

/** Returns the tag whose arguments were just read, up to the end of the tag. */
export function writtenTag(parser: Parser, tag: Token, args: TagArguments): WrittenTag {
  const source = parser.tokens.str;
  const next = parser.peekToken();
  // Only `explain` asks for texts. To look for them costs as much time as there are lines in front of the tag.
  const end = (): number => (next === null ? source.length : offsetOf(source, next));
  return {
    at: positionOf(tag),
    args,
    get text() {
      return source.slice(offsetOf(source, tag), end()).trim();
    },
    get texts() {
      const begins = [...args.begins.map((token) => offsetOf(source, token)), end()];
      return args.begins.map((_, i) => source.slice(begins[i], begins[i + 1]).replace(/[\s,]+$/, ''));
    },
  };
}

function offsetOf(source: string, { lineno, colno }: Token): number {
  let start = 0;
  for (let line = 0; line < lineno; line++) start = source.indexOf('\n', start) + 1;
  return start + colno;
}

/**
 * Reads a tag's arguments up to the end of the tag, which stays unread.
 *
 * Nunjucks' own expression parser skips white space, so that `500 -1` would become 499, and `a.b (c)` a call. Therefore
 * the tokens are first cut into operands at spaces and commas, and each operand is then parsed alone.
 *
 * @param allowed the keywords of this tag
 * @throws CacheSweeperError CACHESWEEPER_BAD_TAG, with its place in the template, for anything ambiguous
 */
export function parseArguments(parser: Parser, lexer: Lexer, tag: Token, allowed: readonly string[]): TagArguments {
  const begins: Token[] = [];
  const operands: Node[] = [];
  const keywords = new Map<string, Node>();
  const known = allowed.map((word) => `${word}=`).join(', ');
  for (const { keyword, tokens } of new OperandSplitter(parser, lexer, tag, known).split()) {
    const node = parseOperand(parser, lexer, tokens);
    begins.push(keyword ?? (tokens[0] as Token));
    if (keyword === undefined) {
      if (keywords.size > 0)
        failAt(tokens[0] ?? tag, `an operand stands behind ${[...keywords.keys()].at(-1)}=: put operands first`);
      operands.push(node);
      continue;
    }
    const name = String(keyword.value);
    if (!allowed.includes(name)) failAt(keyword, `unknown keyword ${name}=: expected one of ${known}`);
    if (keywords.has(name)) failAt(keyword, `the keyword ${name}= is given twice`);
    keywords.set(name, node);
  }
  return { begins, operands, keywords };
}

/**
 * Reads a tag's arguments, each of which has a name, up to the end of the tag, which stays unread.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_TAG, with its place in the template
 */
export function parseNamed(parser: Parser, lexer: Lexer, tag: Token): ReadonlyMap<string, Node> {
  const named = new Map<string, Node>();
  for (const { keyword, tokens } of new OperandSplitter(parser, lexer, tag, 'name=value').split()) {
    if (keyword === undefined) {
      return failAt(
        tokens[0] ?? tag,
        `${tag.value} expected names with values: {% ${tag.value} comment_id=comment.id %}`,
      );
    }
    const name = String(keyword.value);
    if (named.has(name)) failAt(keyword, `the name ${name}= is given twice`);
    if (RESERVED.has(name)) failAt(keyword, `the name ${name}= is taken: choose another one`);
    named.set(name, parseOperand(parser, lexer, tokens));
  }
  return named;
}

/** Names that mean something else in a template, or to JavaScript. */
const RESERVED: ReadonlySet<string> = new Set(['loop', 'caller', 'super', '__proto__', 'true', 'false', 'none']);

/** Parses one operand with Nunjucks' own parser, giving it only the operand's tokens. */
function parseOperand(parser: Parser, lexer: Lexer, given: readonly Token[]): Node {
  const tokens = given.filter(({ type }) => type !== lexer.TOKEN_WHITESPACE);
  checkFilters(tokens, lexer);
  const first = tokens[0] as Token;
  // Nunjucks' parser expects a token at the end, as the end of a tag would be.
  const end: Token = { type: 'end', value: 'the end', lineno: first.lineno, colno: first.colno };
  const rest = [...tokens, end];
  const Parser = parser.constructor as ParserClass;
  const own = new Parser(tokensOf(rest));
  const unreadable = `cannot read the operand that starts with ${shown(first)}`;
  let node: Node;
  try {
    node = own.parseUnary();
  } catch (error) {
    // At the end of its tokens, Nunjucks' parser sometimes reads a property of null.
    return failAt(first, error instanceof TypeError ? unreadable : `${unreadable}: ${(error as Error).message}`);
  }
  const left = own.nextToken();
  if (left !== null && left !== end) failAt(left, `${unreadable}: ${shown(left)} is left over`);
  checkNodes(node, first);
  return node;
}

/** Makes a source of tokens. With Jinja compatibility, Nunjucks' parser sets its index back to read a slice. */
function tokensOf(tokens: readonly Token[]): TokenSource & { index: number } {
  return {
    index: 0,
    nextToken() {
      return tokens[this.index++] ?? null;
    },
  };
}

/** Rejects `x | f(1)(2)`, of which Nunjucks would silently drop the first arguments. */
function checkFilters(tokens: readonly Token[], lexer: Lexer): void {
  for (let i = 0; i < tokens.length; i++) {
    if (tokens[i]?.type !== lexer.TOKEN_PIPE) continue;
    let at = i + 2;
    while (tokens[at]?.type === lexer.TOKEN_OPERATOR && tokens[at]?.value === '.') at += 2;
    const behind = tokens[behindParenthesis(tokens, lexer, at)];
    if (behind?.type === lexer.TOKEN_LEFT_PAREN)
      failAt(behind, 'to call what a filter gives, write parentheses around the filter: (x | f(1))(2)');
  }
}

/** Returns the index after the parenthesis that opens at an index; -1 if none opens there. */
function behindParenthesis(tokens: readonly Token[], lexer: Lexer, from: number): number {
  let depth = 0;
  let at = from;
  do {
    if (tokens[at]?.type === lexer.TOKEN_LEFT_PAREN) depth++;
    else if (depth === 0) return -1;
    else if (tokens[at]?.type === lexer.TOKEN_RIGHT_PAREN) depth--;
    at++;
  } while (depth > 0);
  return at;
}

/** Rejects syntax that Nunjucks reads differently from how it looks, or compiles to broken code. */
function checkNodes(node: Node, at: Token): void {
  switch (node.typename) {
    case 'Group':
      if (childNodes(node).length !== 1) failAt(at, 'parentheses hold one expression here: write a list as [a, b]');
      break;
    case 'LookupVal':
      if (!isNode(node.val)) failAt(at, 'brackets behind a name hold one expression: write a["b"]');
      break;
    case 'Pair':
      checkName(node.key as Node, at);
      break;
  }
  for (const child of childNodes(node)) checkNodes(child, at);
}

/** Checks the name of a value in a dict. */
function checkName({ typename, value }: Node, at: Token): void {
  if (typename !== 'Symbol' && typeof value !== 'string')
    failAt(at, `a name in a dict is a word or text in quotes: write { "${value ?? 'name'}": value }`);
  // The compiled code would set the object's prototype instead.
  if (value === '__proto__') failAt(at, 'a dict cannot hold the name "__proto__"');
}
