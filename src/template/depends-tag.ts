import { CacheSweeperError } from '../errors.ts';
import type { KeyMaker } from '../render/fragment-key.ts';
import type { Fragments } from '../render/fragments.ts';
import { parseArguments, writtenTag } from './compile/arguments.ts';
import { Emitter } from './compile/emit.ts';
import { WRITTEN } from './compile/syntax.ts';
import { failAt, placeInTemplate, positionOf } from './compile/template-error.ts';
import type { Context, Lexer, Node, Nodes, Parser, Token } from './nunjucks.ts';
import type { TemplateEnvironment } from './run/environment.ts';
import { goOverLists } from './run/page-runtime.ts';

const TAG = 'depends';

/**
 * `{% depends author, "sidebar" [type="Author"] %}` adds dependencies to the fragments around it.
 *
 * What Nunjucks calls are functions bound to this object, because a clone of it has no private fields.
 */
export class DependsTag {
  readonly tags = [TAG];
  readonly autoescape = false;
  readonly #environment: TemplateEnvironment;
  readonly #fragments: Fragments;
  readonly #keys: KeyMaker;

  constructor(environment: TemplateEnvironment, fragments: Fragments, keys: KeyMaker) {
    this.#environment = environment;
    this.#fragments = fragments;
    this.#keys = keys;
  }

  /** Called by Nunjucks when it compiles a template. */
  readonly parse = (parser: Parser, nodes: Nodes, lexer: Lexer): Node => {
    const tag = parser.nextToken() as Token;
    const args = parseArguments(parser, lexer, tag, ['type']);
    const { operands, keywords } = args;
    if (operands.length === 0) {
      failAt(tag, `${TAG} expected models, classes or names of types: {% ${TAG} author %}`);
    }
    const written = writtenTag(parser, tag, args);
    parser.advanceAfterBlockEnd(TAG);
    const emitter = new Emitter(nodes);
    const { line, column } = positionOf(tag);
    const node = emitter.call(this, [
      emitter.literal(line),
      emitter.literal(column),
      keywords.get('type') ?? emitter.literal(null),
      emitter.array(operands),
    ]);
    return this.#environment.analyst.analysing ? Object.assign(node, { [WRITTEN]: written }) : node;
  };

  /** Called by the compiled template. */
  readonly run = (
    context: Context,
    _root: unknown,
    _frame: unknown,
    _markSafe: unknown,
    line: number,
    column: number,
    type: unknown,
    models: readonly unknown[],
  ): string => {
    if (this.#fragments.bodies.current === undefined) return '';
    const page = this.#environment.pageOf(context);
    if (page.reading !== undefined) goOverLists(page.reading, models);
    try {
      this.#fragments.depend(page.render, this.#keys.identities(models, type));
    } catch (error) {
      throw error instanceof CacheSweeperError ? placeInTemplate(error, { line, column }) : error;
    }
    return '';
  };
}
