import type { TemplateAnalysis } from './analysis.ts';
import type { Position } from './template-error.ts';
import type { NameUse, TemplateUse, Uses } from './uses.ts';

type Piece = Pick<Uses, 'names' | 'templates' | 'dynamic' | 'asynchronous'>;

/** A template that a body includes, or why it cannot be looked into now. */
export type Found = { readonly analysis: TemplateAnalysis; readonly path: string | undefined } | 'missing' | 'unknown';

/** Finds the template that `name` means when the template at `from` names it. */
export type Find = (name: string, from: string | undefined) => Found;

/** What a body turned out to read, all templates it includes counted in. */
export interface BodyReading {
  /** Root names read from outside; undefined when a template chosen at run time may read anything. */
  readonly reads: ReadonlySet<string> | undefined;
  /** A private name that no argument covers, and the template it is read in (undefined: the body itself). */
  readonly leak: { readonly use: NameUse; readonly template: string | undefined } | undefined;
  /** Roots of the private names that are read, and covered. */
  readonly coveredRoots: ReadonlySet<string>;
  /** super() shows what cannot be looked into: a parent chosen at run time, a block that another template replaces. */
  readonly hasUnknownSuper: boolean;
  /** Something asynchronous stands in it, or in a template it includes. */
  readonly asynchronous: { readonly at: Position; readonly template: string | undefined } | undefined;
}

/**
 * Follows what a body reads through the templates it includes.
 *
 * @param covered the paths of its tag's arguments
 */
export function readBody(
  uses: Uses,
  from: string | undefined,
  privateNames: ReadonlySet<string>,
  covered: readonly (readonly string[])[],
  find: Find,
): BodyReading {
  const reads = new Set<string>();
  const coveredRoots = new Set<string>();
  const seen = new Set<string>();
  let anything = false;
  let hasUnknownSuper = uses.hasUnknownSuper;
  let leak: BodyReading['leak'];
  let asynchronous: BodyReading['asynchronous'];

  const follow = (
    piece: Piece,
    path: string | undefined,
    bound: ReadonlySet<string>,
    template: string | undefined,
    isImported: boolean,
  ): void => {
    anything ||= piece.dynamic && !isImported;
    if (piece.asynchronous !== undefined) asynchronous ??= { at: piece.asynchronous, template };
    for (const use of piece.names) {
      const root = use.path[0] as string;
      if (isImported || bound.has(root)) continue;
      reads.add(root);
      if (!privateNames.has(root)) continue;
      if (covered.some((argument) => covers(argument, use.path))) coveredRoots.add(root);
      else leak ??= { use, template };
    }
    for (const use of piece.templates) {
      const inner = new Set([...bound, ...use.bound]);
      const key = JSON.stringify([path, use.template, use.block, isImported || use.isImported, [...inner].sort()]);
      if (seen.has(key)) continue;
      seen.add(key);
      const found = find(use.template, path);
      if (found === 'missing') continue;
      const block = found === 'unknown' || use.block === undefined ? undefined : found.analysis.blocks.get(use.block);
      if (use.block !== undefined && (found === 'unknown' || block?.block !== undefined)) hasUnknownSuper = true;
      if (found !== 'unknown') {
        follow(usesOf(found.analysis, use), found.path, inner, use.template, isImported || use.isImported);
      } else if (!use.isImported) anything = true;
    }
  };
  follow(uses, from, new Set(), undefined, false);
  return { reads: anything ? undefined : reads, leak, coveredRoots, hasUnknownSuper, asynchronous };
}

/** The whole of a template or, for super(), one of its blocks: its own, or the one it inherits. */
function usesOf({ page, blocks, parent }: TemplateAnalysis, { block, at, isImported }: TemplateUse): Piece {
  if (block === undefined) return page;
  const own = blocks.get(block);
  if (own !== undefined) return own;
  const inherited = parent === undefined ? [] : [{ template: parent, block, bound: [], isImported, at }];
  return { names: [], templates: inherited, dynamic: false, asynchronous: undefined };
}

/**
 * Whether an argument tells apart all that a path can be: it is the path, a prefix of it, or the id of a prefix
 * (`user.id` covers `user.name`; `user.isAdmin` does not).
 */
export function covers(argument: readonly string[], path: readonly string[]): boolean {
  const prefix = argument.length > 1 && argument.at(-1) === 'id' ? argument.slice(0, -1) : argument;
  return isPrefix(argument, path) || isPrefix(prefix, path);
}

function isPrefix(prefix: readonly string[], path: readonly string[]): boolean {
  return prefix.length <= path.length && prefix.every((step, i) => step === path[i]);
}
