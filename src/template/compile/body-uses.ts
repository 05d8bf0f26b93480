import type { TemplateFacts } from './facts.ts';
import type { Position } from './template-error.ts';
import type { NameUse, TemplateUse, Uses } from './uses.ts';

/** A template that a body includes, or why it cannot be looked into now. */
export type Found = { readonly facts: TemplateFacts; readonly path: string | undefined } | 'missing' | 'unknown';

/** Finds the template that `name` means when the template at `from` names it. */
export type Find = (name: string, from: string | undefined) => Found;

/** Something in a body, and the template it stands in (undefined: the body's own). */
export interface Placed<T> {
  readonly use: T;
  readonly template: string | undefined;
}

/** What a body turned out to do, all templates it includes counted in. */
export interface BodyReading {
  /** The first name it may not read. */
  readonly leak: Placed<NameUse> | undefined;
  /** The first thing from outside that it changes. */
  readonly change: Placed<NameUse> | undefined;
  /** Something asynchronous in it. */
  readonly asynchronous: Placed<Position> | undefined;
  /** super() shows what cannot be looked into: a parent chosen at run time, a block that another template replaces. */
  readonly hasUnknownSuper: boolean;
}

/**
 * Follows what a body does through the templates it includes.
 *
 * @param isLeak whether it may not read a path from outside
 * @param isChange whether it may not call a method that changes what is outside
 */
export function readBody(
  uses: Uses,
  from: string | undefined,
  isLeak: (path: readonly string[]) => boolean,
  isChange: (path: readonly string[]) => boolean,
  find: Find,
): BodyReading {
  const seen = new Set<string>();
  let hasUnknownSuper = uses.hasUnknownSuper === true;
  let leak: BodyReading['leak'];
  let change: BodyReading['change'];
  let asynchronous: BodyReading['asynchronous'];

  const follow = (
    piece: Uses,
    path: string | undefined,
    bound: ReadonlySet<string>,
    template: string | undefined,
    isImported: boolean,
  ): void => {
    if (piece.asynchronous !== undefined) asynchronous ??= { use: piece.asynchronous, template };
    const first = (names: readonly NameUse[], isMeant: (path: readonly string[]) => boolean) => {
      // What is imported without context sees nothing of the page.
      const use = isImported ? undefined : names.find((one) => !bound.has(one.path[0] as string) && isMeant(one.path));
      return use === undefined ? undefined : { use, template };
    };
    leak ??= first(piece.names, isLeak);
    change ??= first(piece.changes, isChange);
    for (const use of piece.templates) {
      const inner = new Set([...bound, ...use.bound]);
      const key = JSON.stringify([path, use.template, use.block, isImported || use.isImported, [...inner].sort()]);
      if (seen.has(key)) continue;
      seen.add(key);
      const found = find(use.template, path);
      if (found === 'missing') continue;
      const block = found === 'unknown' || use.block === undefined ? undefined : blockOf(found.facts, use.block);
      if (use.block !== undefined && (found === 'unknown' || block?.block !== undefined)) hasUnknownSuper = true;
      if (found !== 'unknown') {
        follow(usesOf(found.facts, use), found.path, inner, use.template, isImported || use.isImported);
      }
    }
  };
  follow(uses, from, new Set(), undefined, false);
  return { leak, change, asynchronous, hasUnknownSuper };
}

function blockOf({ blocks }: TemplateFacts, name: string): Uses | undefined {
  return Object.hasOwn(blocks, name) ? blocks[name] : undefined;
}

/** The whole of a template or, for super(), one of its blocks: its own, or the one it inherits. */
function usesOf(facts: TemplateFacts, { block, at, isImported }: TemplateUse): Uses {
  if (block === undefined) return facts.page;
  const own = blockOf(facts, block);
  if (own !== undefined) return own;
  const inherited = facts.parent === undefined ? [] : [{ template: facts.parent, block, bound: [], isImported, at }];
  return { names: [], changes: [], templates: inherited };
}
