import type { Bound, Hole, HoleTemplate } from '../../cache/hole.ts';
import type { MarkSafe } from '../../reads/variables.ts';
import type { Context, Frame, RootFunction } from '../nunjucks.ts';
import { isSame } from './context-copies.ts';
import type { TemplateEnvironment } from './environment.ts';
import type { Page } from './page.ts';

/** A place in a template that is running. */
export interface Spot {
  readonly environment: TemplateEnvironment;
  readonly page: Page;
  readonly context: Context;
  readonly frame: Frame;
  /** Identifies the template. */
  readonly root: RootFunction;
  readonly markSafe: MarkSafe;
  /** JavaScript variables of the compiled template there, which its frames may not know. */
  readonly handed: { readonly names: readonly string[]; readonly values: readonly unknown[] };
}

/** What is kept of the place of a hole. */
export type HoleSpot = Pick<Hole, 'template' | 'isFramed' | 'sees' | 'isInContext' | 'bound'>;

/**
 * Describes a place as it is found from another one, the tag of a fragment around it; undefined if its template cannot be
 * found again.
 */
export function spotFrom(spot: Spot, tag: Spot): HoleSpot | undefined {
  const template = spot.root === tag.root ? undefined : templateAt(spot);
  if (template === null) return undefined;
  const { isolated } = spot.page;
  const isInContext = spot.context === tag.context;
  const module = isInContext ? undefined : isolated.get(spot.context.ctx);
  const isIsolated = module !== undefined && module !== isolated.get(tag.context.ctx);
  return {
    template,
    isFramed: reaches(spot.frame, tag.frame),
    sees: isIsolated ? 'nothing' : 'page',
    isInContext,
    bound: boundAround(spot, tag, isIsolated ? {} : tag.context.ctx),
  };
}

/** Describes a hole of a fragment as it is found from the tag of a fragment around that one. */
export function spotThrough(hole: HoleSpot, inner: Spot, outer: Spot): HoleSpot | undefined {
  const between = spotFrom(inner, outer);
  if (between === undefined) return undefined;
  return {
    template: hole.template ?? between.template,
    isFramed: hole.isFramed && between.isFramed,
    sees: hole.sees === 'nothing' ? 'nothing' : between.sees,
    isInContext: hole.isInContext && between.isInContext,
    bound: boundThrough(hole, between.bound),
  };
}

export const NOTHING_BOUND: Bound = { inFrames: '', inContext: '' };

/** Returns what is bound around a hole of a fragment, where some names are bound around that. */
export function boundThrough(
  { isFramed, sees, bound }: Pick<Hole, 'isFramed' | 'sees' | 'bound'>,
  around: Bound,
): Bound {
  return {
    inFrames: isFramed ? joined(bound.inFrames, around.inFrames) : bound.inFrames,
    inContext: sees === 'page' ? joined(bound.inContext, around.inContext) : bound.inContext,
  };
}

function joined(a: string, b: string): string {
  return a === '' || b === '' ? a + b : `${a} ${b}`;
}

/** Returns what is bound at a place, as it is found from a tag around it with some variables. */
function boundAround({ context, frame }: Spot, tag: Spot, variables: Variables): Bound {
  const inFrames = new Set<string>();
  const inContext = new Set<string>();
  for (const at of framesBelow(frame, tag.frame)) {
    for (const [name, value] of Object.entries(at.variables)) {
      if (value !== undefined) inFrames.add(name);
      // What is set at the top of a template is among its variables as well.
      if (at.topLevel) inContext.add(name);
    }
  }
  if (context !== tag.context) {
    const { ctx } = context;
    for (const name of Object.keys(ctx)) if (!isSame(name, ctx, variables)) inContext.add(name);
  }
  return { inFrames: listed(inFrames), inContext: listed(inContext) };
}

type Variables = Readonly<Record<string, unknown>>;

function* framesBelow(frame: Frame, around?: Frame): Generator<Frame> {
  for (let at: Frame | null | undefined = frame; at && at !== around; at = at.parent) yield at;
}

/** No template looks up a name with a space. */
function listed(names: Iterable<string>): string {
  return [...names].filter((name) => !name.includes(' ')).join(' ');
}

/** Whether a frame is below another one, so that it sees the variables there. */
function reaches(frame: Frame, around: Frame): boolean {
  for (let at: Frame | null | undefined = frame; at; at = at.parent) if (at === around) return true;
  return false;
}

const NO_TEMPLATE: RootFunction = () => {};
const NOTHING = { names: [], values: [] };

/** Makes a place in no template, where nothing is known but some variables. */
export function placeWith(environment: TemplateEnvironment, page: Page, variables: object): Spot {
  const { markSafe } = environment;
  const context = environment.newContext(page, variables);
  return { environment, page, context, frame: environment.newFrame(), root: NO_TEMPLATE, markSafe, handed: NOTHING };
}

/**
 * Describes a place as it is found without any tag, by a page that is kept as a whole.
 *
 * @param isSame whether a name has the same value where the hole is filled; `isBound`: whether a template has bound it
 */
export function spotAlone(
  spot: Spot,
  isSame: (name: string, value: unknown, isBound: boolean) => boolean,
): HoleSpot | undefined {
  const template = templateAt(spot);
  if (template === null) return undefined;
  const { context, page, frame } = spot;
  const { ctx, exported } = context;
  const sees = page.isolated.has(ctx) ? 'nothing' : 'page';
  const inFrames = new Set<string>();
  for (const at of framesBelow(frame))
    for (const [name, value] of Object.entries(at.variables))
      if (value !== undefined && !isSame(name, value, true)) inFrames.add(name);
  const inContext = Object.keys(ctx).filter((name) =>
    sees === 'page' ? !isSame(name, ctx[name], exported.includes(name)) : ctx[name] !== undefined,
  );
  const bound = { inFrames: listed(inFrames), inContext: listed(inContext) };
  return { template, isFramed: false, sees, isInContext: false, bound };
}

/** Returns how the template of a place is found again; null if it has no name. */
function templateAt({ environment, page, root }: Spot): HoleTemplate | null {
  const template = environment.templates.of(root);
  const digest = template && environment.factsOf(template)?.digest;
  if (template === undefined || digest === undefined) return null;
  const asked = page.asked.get(root);
  if (asked !== undefined) return { ...asked, digest };
  return template.path ? { name: template.path, parent: undefined, digest } : null;
}
