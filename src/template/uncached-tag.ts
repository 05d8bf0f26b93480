import { CacheSweeperError } from '../errors.ts';
import type { MarkSafe } from '../reads/variables.ts';
import { parseNamed } from './compile/arguments.ts';
import { Emitter } from './compile/emit.ts';
import type { HoleContents } from './compile/hole-blocks.ts';
import { checkHole } from './compile/hole-check.ts';
import type { HoleAnalysis } from './compile/holes.ts';
import { HOLE } from './compile/syntax.ts';
import { failAt, placeInTemplate, positionOf, refuseAtOnce } from './compile/template-error.ts';
import type { Context, Frame, Lexer, Node, Nodes, Parser, RootFunction, Token } from './nunjucks.ts';
import type { TemplateEnvironment } from './run/environment.ts';
import { type BakedHole, HoleUse } from './run/hole-use.ts';

const TAG = 'uncached';
const END_TAG = 'enduncached';

/**
 * `{% uncached [name=value…] %} … {% enduncached %}` is a hole in the fragments around it: its content is rendered for
 * every page, also where the fragment is a hit.
 *
 * What Nunjucks calls are functions bound to this object, because a clone of it has no private fields.
 */
export class UncachedTag {
  readonly tags = [TAG, END_TAG];
  /** The html is escaped already. */
  readonly autoescape = false;
  readonly #environment: TemplateEnvironment;
  readonly #contents: HoleContents;
  readonly #baked = new Map<string, BakedHole>();

  constructor(environment: TemplateEnvironment, contents: HoleContents) {
    this.#environment = environment;
    this.#contents = contents;
  }

  /** Called by Nunjucks when it compiles a template. */
  readonly parse = (parser: Parser, nodes: Nodes, lexer: Lexer): Node => {
    const tag = parser.nextToken() as Token;
    if (tag.value === END_TAG) failAt(tag, `${END_TAG} without the ${TAG} it ends`);
    const ordinal = this.#contents.begin(parser);
    const passed = parseNamed(parser, lexer, tag);
    parser.advanceAfterBlockEnd(TAG);
    const content = parser.parseUntilBlocks(END_TAG);
    const end = parser.nextToken();
    if (end === null) return failAt(tag, `${TAG} is not closed: write {% ${END_TAG} %} where it ends`);
    if (parser.peekToken()?.type !== lexer.TOKEN_BLOCK_END) failAt(end, `${END_TAG} takes no arguments`);
    parser.advanceAfterBlockEnd(END_TAG);

    const emitter = new Emitter(nodes);
    const { analyst } = this.#environment;
    if (analyst.analysing) {
      const node = emitter.call(this, [...passed.values()], content);
      return Object.assign(node, { [HOLE]: ordinal, passed: [...passed.keys()], at: positionOf(tag) });
    }
    const { holes } = analyst.source(parser.tokens.str);
    const analysis = holes[ordinal] as HoleAnalysis;
    checkHole(analysis, refuseAtOnce);
    this.#contents.keep(parser, ordinal, content);
    const baked: BakedHole = {
      ordinal,
      ...positionOf(tag),
      names: [...passed.keys()],
      handed: analysis.handed,
      reads: analysis.reads,
      others: analysis.others,
    };
    return emitter.call(this, [
      emitter.literal(JSON.stringify(baked)),
      emitter.array([...passed.values()]),
      emitter.symbols(analysis.handed),
    ]);
  };

  /** Called by the compiled template. */
  readonly run = (
    context: Context,
    root: RootFunction,
    frame: Frame,
    markSafe: MarkSafe,
    text: string,
    values: readonly unknown[],
    handed: readonly unknown[],
  ): unknown => {
    let baked = this.#baked.get(text);
    if (baked === undefined) {
      baked = JSON.parse(text) as BakedHole;
      this.#baked.set(text, baked);
    }
    const environment = this.#environment;
    const spot = { environment, page: environment.pageOf(context), context, frame, root, markSafe };
    const use = new HoleUse(spot, baked, { values, handed });
    try {
      return markSafe(use.show());
    } catch (error) {
      if (!(error instanceof CacheSweeperError) || 'lineno' in error) throw error;
      throw placeInTemplate(error, baked);
    }
  };
}
