import { CacheSweeperError } from '../errors.ts';
import { runAs, runningNow } from '../render/current.ts';
import type { FragmentCall, Fragments } from '../render/fragments.ts';
import { type FragmentAnalysis, ORDINAL } from './analysis.ts';
import { parseArguments, type TagArguments } from './arguments.ts';
import { type CompiledBody, renderBody } from './body.ts';
import { Emitter } from './emit.ts';
import type { Site, TemplateHost } from './host.ts';
import type { Context, Frame, Lexer, Node, Nodes, Parser, RootFunction, Token } from './nunjucks.ts';
import { mayPrintEarlier, type Scope, usesForeignCode } from './outside.ts';
import type { Page } from './page.ts';
import { type BakedSite, checkBody } from './site.ts';
import { pathOf } from './syntax.ts';
import { placeInTemplate, positionOf, templateError } from './template-error.ts';

const TAG = 'cachesweeper';
const END_TAG = 'endcachesweeper';

/** `{% cachesweeper model ttl key… [type=] [using=] [when=] %} … {% endcachesweeper %}` */
export class FragmentTag {
  readonly tags = [TAG, END_TAG];
  /** The html is escaped already. */
  readonly autoescape = false;
  readonly #host: TemplateHost;
  readonly #fragments: Fragments;
  /** How many fragment tags each parser has met. */
  readonly #ordinals = new WeakMap<Parser, number>();

  constructor(host: TemplateHost, fragments: Fragments) {
    this.#host = host;
    this.#fragments = fragments;
  }

  /** Called by Nunjucks when it compiles a template. */
  parse(parser: Parser, nodes: Nodes, lexer: Lexer): Node {
    const tag = parser.nextToken() as Token;
    if (tag.value === END_TAG) {
      throw templateError('CACHESWEEPER_BAD_TAG', `${END_TAG} without the ${TAG} it ends`, positionOf(tag));
    }
    const ordinal = this.#ordinals.get(parser) ?? 0;
    this.#ordinals.set(parser, ordinal + 1);
    const args = parseArguments(parser, lexer, tag, ['type', 'using', 'when']);
    const [model, ttl] = args.operands;
    if (model === undefined || ttl === undefined) {
      const missing = model === undefined ? 'a model and a ttl' : 'a ttl behind the model';
      throw templateError(
        'CACHESWEEPER_BAD_TAG',
        `${TAG} expected ${missing}: {% ${TAG} comment 500 "comment.njk" %}`,
        positionOf(tag),
      );
    }
    parser.advanceAfterBlockEnd(TAG);
    const body = parser.parseUntilBlocks(END_TAG);
    if (parser.peekToken() === null) {
      throw templateError(
        'CACHESWEEPER_BAD_TAG',
        `${TAG} is not closed: write {% ${END_TAG} %} where the fragment ends`,
        positionOf(tag),
      );
    }
    parser.advanceAfterBlockEnd();

    const emitter = new Emitter(nodes);
    const node = this.#host.analyst.analysing
      ? emitter.call(this, [...args.operands, ...args.keywords.values()], body)
      : this.#compile(emitter, parser, tag, ordinal, args, body);
    (node as Record<string, unknown>)[ORDINAL] = ordinal;
    return node;
  }

  #compile(emitter: Emitter, parser: Parser, tag: Token, ordinal: number, args: TagArguments, body: Node): Node {
    const { operands, keywords } = args;
    const [model, ttl, ...keys] = operands as [Node, Node, ...Node[]];
    const { fragments, definitions } = this.#host.analyst.source(parser.tokens.str);
    const analysis = fragments[ordinal] as FragmentAnalysis;
    const covered = argumentPaths(model, keys);
    const host = this.#host;
    const facts = checkBody(
      { uses: analysis.uses, definitions },
      host.compilingPath(),
      positionOf(tag),
      host.privateNames,
      covered,
      (name, from) => host.find(name, from),
    );
    const { node, assigned } = emitter.scoped(body, analysis.variables, analysis.block);
    const baked: BakedSite = { ordinal, ...positionOf(tag), assigned, covered, ...facts };
    const keyword = (name: string, byDefault: boolean | null) => keywords.get(name) ?? emitter.literal(byDefault);
    return emitter.call(
      this,
      [
        emitter.literal(JSON.stringify(baked)),
        model,
        ttl,
        emitter.array(keys),
        keyword('type', null),
        keyword('using', null),
        keyword('when', true),
      ],
      node,
    );
  }

  /** Called by the compiled template. */
  run(
    context: Context,
    root: RootFunction,
    frame: Frame,
    markSafe: MarkSafe,
    baked: string,
    model: unknown,
    ttl: unknown,
    keys: readonly unknown[],
    type: unknown,
    using: unknown,
    when: unknown,
    body: CompiledBody,
  ): unknown {
    const page = this.#host.pageOf(context);
    const site = this.#host.site(page, root, baked);
    if (site instanceof Promise) return this.#wait(page, site);
    const isUnknown = site.closure === undefined || site.hasUnknownSuper;
    const skip = isUnknown ? 'unknown template' : when ? undefined : 'when';
    const call = new Call(this.#host, page, context, site, frame, body, { model, ttl, keys, type, using }, skip);
    try {
      return markSafe(runningNow() === page ? this.#fragments.run(page.render, call) : this.#runAs(page, call));
    } catch (error) {
      throw error instanceof CacheSweeperError && !('lineno' in error) ? placeInTemplate(error, site) : error;
    }
  }

  #runAs(page: Page, call: Call): string {
    return runAs(page, () => this.#fragments.run(page.render, call));
  }

  #wait(page: Page, loading: Promise<unknown>): string {
    page.render.pass.pending.add(loading);
    return '';
  }
}

/** Nunjucks' own: what it returns is not escaped again. */
type MarkSafe = (html: string) => unknown;

/** Everything an argument says exactly: `[user, article.author]` is two paths. */
function argumentPaths(model: Node, keys: readonly Node[]): string[][] {
  const parts = model.typename === 'Array' ? (model.children as readonly Node[]) : [model];
  return [...parts, ...keys].flatMap((node) => {
    const found = pathOf(node);
    return found?.exact ? [[...found.path]] : [];
  });
}

/** One use of the tag: what the cache wants to know of Nunjucks. */
class Call implements FragmentCall {
  readonly place: FragmentCall['place'];
  readonly operands: FragmentCall['operands'];
  readonly skip: FragmentCall['skip'];
  readonly #host: TemplateHost;
  readonly #page: Page;
  readonly #context: Context;
  readonly #site: Site;
  readonly #frame: Frame;
  readonly #body: CompiledBody;

  constructor(
    host: TemplateHost,
    page: Page,
    context: Context,
    site: Site,
    frame: Frame,
    body: CompiledBody,
    operands: FragmentCall['operands'],
    skip: FragmentCall['skip'],
  ) {
    this.place = site;
    this.operands = operands;
    this.skip = skip;
    this.#host = host;
    this.#page = page;
    this.#context = context;
    this.#site = site;
    this.#frame = frame;
    this.#body = body;
  }

  body(): string | Promise<unknown> {
    const host = this.#host;
    return renderBody(this.#page, this.#context, this.#frame, this.#site.assigned, this.#body, {
      used: (name, from, template) => host.used(this.#page, this.#site, name, from, template),
      privateRead: (name) => host.privateRead(this.#site, this.#frame, this.#context, name),
    });
  }

  mayPrintEarlier(): boolean {
    const { hasForeignHtml } = this.#page.render.pass;
    return mayPrintEarlier(this.#site, this.#scope(), this.#host.captured, hasForeignHtml);
  }

  usesForeignCode(): boolean {
    return usesForeignCode(this.#site, this.#scope());
  }

  #scope(): Scope {
    return { frame: this.#frame, context: this.#context, page: this.#page.render.context };
  }

  templateDigest(dependency: Parameters<FragmentCall['templateDigest']>[0]): string | undefined {
    return this.#host.templateDigest(this.#page, dependency);
  }
}
