import type { Hole, HoleTemplate } from '../../cache/hole.ts';
import type { MarkSafe } from '../../reads/variables.ts';
import type { Context, Frame, RootFunction } from '../nunjucks.ts';
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
    bound: namesBelow(spot.frame, tag.frame).join(' '),
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
    bound: hole.isFramed ? joined(hole.bound, between.bound) : hole.bound,
  };
}

/** Joins what is bound around two places. */
export function joined(a: string, b: string): string {
  return a === '' || b === '' ? a + b : `${a} ${b}`;
}

/** Returns the names that have a value in a frame or around it, up to another one. */
function namesBelow(frame: Frame, around?: Frame): readonly string[] {
  const names = new Set<string>();
  for (let at: Frame | null | undefined = frame; at && at !== around; at = at.parent)
    for (const [name, value] of Object.entries(at.variables)) if (value !== undefined) names.add(name);
  return [...names];
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
 * @param given the variables with which it is filled
 */
export function spotAlone(spot: Spot, given: object): HoleSpot | undefined {
  const template = templateAt(spot);
  if (template === null) return undefined;
  const sees = spot.page.isolated.has(spot.context.ctx) ? 'nothing' : 'page';
  // What is bound under the name of one of them may be that one, which is found out when the page is made.
  const bound = namesBelow(spot.frame).filter((name) => !Object.hasOwn(given, name));
  return { template, isFramed: false, sees, isInContext: false, bound: bound.join(' ') };
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
