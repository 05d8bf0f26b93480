import type { TemplateAnalysis } from './analysis.ts';
import type { NameUse, TemplateUse, Uses } from './uses.ts';

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

  const follow = (
    { names, templates, dynamic }: Pick<Uses, 'names' | 'templates' | 'dynamic'>,
    path: string | undefined,
    bound: ReadonlySet<string>,
    template: string | undefined,
  ): void => {
    anything ||= dynamic;
    for (const use of names) {
      const root = use.path[0] as string;
      if (bound.has(root)) continue;
      reads.add(root);
      if (!privateNames.has(root)) continue;
      if (covered.some((argument) => covers(argument, use.path))) coveredRoots.add(root);
      else leak ??= { use, template };
    }
    for (const use of templates) {
      const inner = new Set([...bound, ...use.bound]);
      const key = JSON.stringify([path, use.template, use.block, [...inner].sort()]);
      if (seen.has(key)) continue;
      seen.add(key);
      const found = find(use.template, path);
      if (found === 'missing') continue;
      const block = found === 'unknown' || use.block === undefined ? undefined : found.analysis.blocks.get(use.block);
      if (use.block !== undefined && (found === 'unknown' || block?.block !== undefined)) hasUnknownSuper = true;
      if (found === 'unknown') anything = true;
      else follow(usesOf(found.analysis, use), found.path, inner, use.template);
    }
  };
  follow(uses, from, new Set(), undefined);
  return { reads: anything ? undefined : reads, leak, coveredRoots, hasUnknownSuper };
}

/** The whole of a template or, for super(), one of its blocks: its own, or the one it inherits. */
function usesOf(
  { page, blocks, parent }: TemplateAnalysis,
  { block }: TemplateUse,
): Pick<Uses, 'names' | 'templates' | 'dynamic'> {
  if (block === undefined) return page;
  const own = blocks.get(block);
  if (own !== undefined) return own;
  const inherited = { template: parent as string, block, bound: [], at: { line: 1, column: 1 } };
  return { names: [], templates: parent === undefined ? [] : [inherited], dynamic: false };
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
