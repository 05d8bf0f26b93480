import { CacheSweeperError } from '../errors.ts';
import type { MarkSafe } from '../reads/variables.ts';
import { runAs, runningNow } from '../render/ambient.ts';
import type { Fragments } from '../render/fragments.ts';
import type { FragmentAnalysis } from './compile/analysis.ts';
import { parseArguments, type TagArguments, writtenTag } from './compile/arguments.ts';
import { Emitter } from './compile/emit.ts';
import { checkFragment } from './compile/fragment-check.ts';
import { ORDINAL, WRITTEN } from './compile/syntax.ts';
import type { BakedTagSite } from './compile/tag-site.ts';
import { failAt, placeInTemplate, positionOf, refuseAtOnce } from './compile/template-error.ts';
import type { Context, Frame, Lexer, Node, Nodes, Parser, RootFunction, Token } from './nunjucks.ts';
import { type TemplateEnvironment, waitFor } from './run/environment.ts';
import type { Page } from './run/page.ts';
import { goOverLists } from './run/page-runtime.ts';
import { TagCall } from './run/tag-call.ts';
import type { CompiledBody } from './run/tag-place.ts';

const TAG = 'cachesweeper';
const END_TAG = 'endcachesweeper';
/** More levels than any page has. Without a limit, compiling takes minutes and then overflows the stack. */
const MAX_DEPTH = 50;

/** The values of a tag's arguments, as the compiled template has them. */
type Values = readonly [
  model: unknown,
  ttl: unknown,
  keys: readonly unknown[],
  type: unknown,
  using: unknown,
  when: unknown,
  until: unknown,
  stale: unknown,
];

/**
 * `{% cachesweeper model ttl key… [type=] [using=] [when=] [until=] [stale=] [except=] %} … {% endcachesweeper %}`
 *
 * What Nunjucks calls are functions bound to this object, because a clone of it has no private fields.
 */
export class FragmentTag {
  readonly tags = [TAG, END_TAG];
  /** The html is escaped already. */
  readonly autoescape = false;
  readonly #environment: TemplateEnvironment;
  readonly #fragments: Fragments;
  /** Tags that each parser has met: how many, and how deep the present one is. */
  readonly #met = new WeakMap<Parser, { fragments: number; depth: number }>();

  constructor(environment: TemplateEnvironment, fragments: Fragments) {
    this.#environment = environment;
    this.#fragments = fragments;
  }

  /** Called by Nunjucks when it compiles a template. */
  readonly parse = (parser: Parser, nodes: Nodes, lexer: Lexer): Node => {
    const tag = parser.nextToken() as Token;
    if (tag.value === END_TAG) failAt(tag, `${END_TAG} without the ${TAG} it ends`);
    const met = this.#met.get(parser) ?? { fragments: 0, depth: 0 };
    this.#met.set(parser, met);
    const ordinal = met.fragments++;
    const args = parseArguments(parser, lexer, tag, ['type', 'using', 'when', 'until', 'stale', 'except']);
    const [model, ttl] = args.operands;
    if (model === undefined || ttl === undefined) {
      const missing = model === undefined ? 'a model and a ttl' : 'a ttl behind the model';
      failAt(tag, `${TAG} expected ${missing}: {% ${TAG} comment 500 "comment.njk" %}`);
    }
    const written = writtenTag(parser, tag, args);
    parser.advanceAfterBlockEnd(TAG);
    if (++met.depth > MAX_DEPTH) failAt(tag, `fragments are nested deeper than ${MAX_DEPTH} levels in one template`);
    const body = parseBody(parser, lexer, tag);
    met.depth--;

    const emitter = new Emitter(nodes);
    if (!this.#environment.analyst.analysing) return this.#compile(emitter, parser, tag, ordinal, args, body);
    const node = emitter.call(this, [...args.operands, ...args.keywords.values()], body);
    return Object.assign(node, { [ORDINAL]: ordinal, [WRITTEN]: written });
  };

  #compile(emitter: Emitter, parser: Parser, tag: Token, ordinal: number, args: TagArguments, body: Node): Node {
    const { operands, keywords } = args;
    const [model, ttl, ...keys] = operands as [Node, Node, ...Node[]];
    const environment = this.#environment;
    const { fragments } = environment.analyst.source(parser.tokens.str);
    const analysis = fragments[ordinal] as FragmentAnalysis;
    const { block, variables, handed, handedToHoles, readBehind } = analysis;
    const rules = environment.rules((name, from) => environment.templates.find(name, from));
    const checked = checkFragment(analysis, environment.templates.compilingPath(), rules, refuseAtOnce);
    const { node, assigned, defined } = emitter.scoped(body, variables, block);
    const baked: BakedTagSite = {
      ordinal,
      ...positionOf(tag),
      assigned,
      readBehind: readBehind === '*' ? readBehind : readBehind.filter((name) => assigned.includes(name)),
      defined,
      handed,
      handedToHoles,
      ...checked,
    };
    const keyword = (name: string, byDefault: boolean | null) => keywords.get(name) ?? emitter.literal(byDefault);
    const call = emitter.call(
      this,
      [
        emitter.literal(JSON.stringify(baked)),
        emitter.array([
          model,
          ttl,
          emitter.array(keys),
          keyword('type', null),
          keyword('using', null),
          keyword('when', true),
          keyword('until', null),
          keyword('stale', null),
        ]),
        emitter.symbols(handed),
      ],
      node,
    );
    (call as Record<string, unknown>)[ORDINAL] = ordinal;
    return emitter.list([call, ...emitter.behind(assigned.filter((name) => variables.has(name)))]);
  }

  /** Called by the compiled template. */
  readonly run = (
    context: Context,
    root: RootFunction,
    frame: Frame,
    markSafe: MarkSafe,
    baked: string,
    [model, ttl, keys, type, using, when, until, stale]: Values,
    handed: readonly unknown[],
    body: CompiledBody,
  ): unknown => {
    const page = this.#environment.pageOf(context);
    const site = this.#environment.site(page, root, baked);
    const { reading } = page;
    if (reading !== undefined) goOverLists(reading, [model, ...keys]);
    try {
      if (site instanceof Promise) {
        waitFor(page, site);
        return '';
      }
      const isUnknown = site.templateDigest === undefined || !site.templateDigest.isKnown || site.hasUnknownSuper;
      const call = new TagCall(
        {
          environment: this.#environment,
          page,
          context,
          root,
          site,
          frame,
          body,
          handed: { names: site.handed, values: handed },
          markSafe,
        },
        { model, ttl, until, stale, keys, type, using },
        isUnknown ? 'unknown template' : when ? undefined : 'when',
      );
      return markSafe(runningNow() === page ? this.#fragments.run(page.render, call) : this.#runAs(page, call));
    } catch (error) {
      if (!(error instanceof CacheSweeperError) || 'lineno' in error) throw error;
      throw placeInTemplate(error, site instanceof Promise ? (JSON.parse(baked) as BakedTagSite) : site);
    }
  };

  #runAs(page: Page, call: TagCall): string {
    return runAs(page, () => this.#fragments.run(page.render, call));
  }
}

/** Parses the body and the end tag. */
function parseBody(parser: Parser, lexer: Lexer, tag: Token): Node {
  let body: Node;
  try {
    body = parser.parseUntilBlocks(END_TAG);
  } catch (error) {
    // An unexpected `{% endif %}` inside a fragment: most often the fragment's end tag is missing before it.
    const [, foreign] = /^unknown block tag: (end\w*|else|elif)$/.exec((error as Error).message) ?? [];
    if (foreign !== undefined) failAt(tag, `${TAG} is not closed: write {% ${END_TAG} %} before {% ${foreign} %}`);
    throw error;
  }
  const end = parser.nextToken();
  if (end === null) return failAt(tag, `${TAG} is not closed: write {% ${END_TAG} %} where the fragment ends`);
  if (parser.peekToken()?.type !== lexer.TOKEN_BLOCK_END) failAt(end, `${END_TAG} takes no arguments`);
  parser.advanceAfterBlockEnd(END_TAG);
  return body;
}
