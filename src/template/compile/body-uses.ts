import type { TemplateFacts } from './facts.ts';
import type { Position } from './template-error.ts';
import type { NameUse, TemplateUse, Uses } from './uses.ts';

/** A template that a body includes. `missing`: there is none. `unknown`: its facts cannot be read now. */
export type Found = { readonly facts: TemplateFacts; readonly path: string | undefined } | 'missing' | 'unknown';

/** Finds the template called `name` in the template at `from`. */
export type Find = (name: string, from: string | undefined) => Found;

/** A use in a body, with the template in which it occurs; undefined for the body's own template. */
export interface Placed<T> {
  readonly use: T;
  readonly template: string | undefined;
}

/** Result of following a body through all templates that it includes. */
export interface BodyReading {
  /** Names that the body may not read. */
  readonly leaks: readonly Placed<NameUse>[];
  /** Calls that change something outside of the body. */
  readonly changes: readonly Placed<NameUse>[];
  /** Position of something asynchronous in it. */
  readonly asynchronous: Placed<Position> | undefined;
  /**
   * Whether super() shows something that cannot be followed: a parent chosen at run time, or a block that another
   * template replaces.
   */
  readonly hasUnknownSuper: boolean;
}

/**
 * Follows the uses of a body through the templates it includes.
 *
 * @param isLeak whether the body must not read a path from outside
 * @param isChange whether a call changes something outside of the body
 */
export function readBody(
  uses: Uses,
  from: string | undefined,
  isLeak: (path: readonly string[]) => boolean,
  isChange: (path: readonly string[]) => boolean,
  findTemplate: Find,
): BodyReading {
  const seen = new Set<string>();
  let hasUnknownSuper = uses.hasUnknownSuper === true;
  const leaks: Placed<NameUse>[] = [];
  const changes: Placed<NameUse>[] = [];
  let asynchronous: BodyReading['asynchronous'];

  const follow = (
    piece: Uses,
    path: string | undefined,
    bound: ReadonlySet<string>,
    template: string | undefined,
    isImported: boolean,
  ): void => {
    if (piece.asynchronous !== undefined) asynchronous ??= { use: piece.asynchronous, template };
    const find = (names: readonly NameUse[], isMeant: (path: readonly string[]) => boolean) =>
      names.filter(({ path }) => !bound.has(path[0] as string) && isMeant(path)).map((use) => ({ use, template }));
    // A template imported without context cannot see the page's variables.
    if (!isImported) {
      leaks.push(...find(piece.names, isLeak));
      changes.push(...find(piece.changes, isChange));
    }
    for (const use of piece.templates) {
      const inner = new Set([...bound, ...use.bound]);
      const key = JSON.stringify([path, use.template, use.block, isImported || use.isImported, [...inner].sort()]);
      if (seen.has(key)) continue;
      seen.add(key);
      const found = findTemplate(use.template, path);
      if (found === 'missing') continue;
      const block = found === 'unknown' || use.block === undefined ? undefined : blockOf(found.facts, use.block);
      if (use.block !== undefined && (found === 'unknown' || block?.block !== undefined)) hasUnknownSuper = true;
      if (found !== 'unknown') {
        follow(usesOf(found.facts, use), found.path, inner, use.template, isImported || use.isImported);
      }
    }
  };
  follow(uses, from, new Set(), undefined, false);
  return { leaks, changes, asynchronous, hasUnknownSuper };
}

function blockOf({ blocks }: TemplateFacts, name: string): Uses | undefined {
  return Object.hasOwn(blocks, name) ? blocks[name] : undefined;
}

/** Returns the uses of a whole template or, for super(), of one of its blocks, which it may inherit. */
function usesOf(facts: TemplateFacts, { block, at, isImported }: TemplateUse): Uses {
  if (block === undefined) return facts.page;
  const own = blockOf(facts, block);
  if (own !== undefined) return own;
  const inherited = facts.parent === undefined ? [] : [{ template: facts.parent, block, bound: [], isImported, at }];
  return { names: [], changes: [], templates: inherited };
}
