import type { Hole } from '../../cache/hole.ts';
import { CacheSweeperError } from '../../errors.ts';
import type { Body } from '../../render/body.ts';
import { type HoleBlock, holeBlocksOf } from '../compile/hole-blocks.ts';
import type { Context, ContextClass, Frame, RootFunction } from '../nunjucks.ts';
import { HoleBody } from './hole-body.ts';
import { type HoleRead, HoleReading } from './hole-reading.ts';
import type { HoleSpot, Spot } from './hole-spot.ts';
import { PageReading } from './page-reading.ts';
import { runBlock } from './run-block.ts';

/** The hole of a template, as it is found from a tag. */
export type FoundHole = HoleSpot & Pick<Hole, 'ordinal'>;

/** A value that is passed to a hole, with its name. */
export type Passed = readonly [name: string, value: unknown];

/** Fills holes from one place. All see the variables as they are there, and change nothing outside of themselves. */
export class HoleFiller {
  /** Where the tag stands that shows the holes' fragment. */
  readonly #seat: Spot;
  /** Contexts that holes share, by what they see and their template. */
  #shared: Map<string, Map<RootFunction, HoleContext>> | undefined;

  constructor(seat: Spot) {
    this.#seat = seat;
  }

  /** Returns the template of a hole, if that is what it was; `pending` while it has to be loaded first. */
  find({ template, ordinal }: Pick<FoundHole, 'template' | 'ordinal'>): RootFunction | 'pending' | undefined {
    const { environment, page, root } = this.#seat;
    const found = template === undefined ? root : environment.rootOf(page, template);
    if (found === undefined || found === 'pending') return found;
    return holeBlocksOf(found)?.holes.has(ordinal) ? found : undefined;
  }

  /** Returns what a hole shows. Its dependencies are those of the body around. */
  fill(hole: FoundHole, passed: readonly Passed[], around: Body | undefined): string {
    const { block, context, base } = this.#prepare(hole, passed);
    return this.#run(block, context, base, around);
  }

  /** Like {@link fill}, and tells which variables from outside the hole looked up. */
  fillNoting(hole: FoundHole, passed: readonly Passed[], around: Body | undefined): Noted {
    const { environment, page } = this.#seat;
    const { block, context, base, defined } = this.#prepare(hole, passed);
    const outer = around?.reading;
    const reading = new HoleReading(outer instanceof PageReading ? outer : undefined, base, context);
    const body = new HoleBody(environment, page, reading);
    const text = this.#run(block, context, base, body);
    around?.include(body);
    // Its template defines these here as well, from the same source.
    return { text, reads: reading.reads.filter(({ name }) => !defined.has(name)) };
  }

  #prepare(hole: FoundHole, passed: readonly Passed[]) {
    const root = this.find(hole);
    if (root === undefined || root === 'pending') throw missing();
    const block = holeBlocksOf(root)?.holes.get(hole.ordinal) as HoleBlock;
    return { block, base: this.#base(hole.isFramed, passed), ...this.#contextOf(hole, root, block) };
  }

  #run({ run }: HoleBlock, context: Context, base: Frame, body: Body | undefined): string {
    const { environment, page } = this.#seat;
    return page.render.bodies.inside(body, () => runBlock(run, { environment, page, context, frame: base }));
  }

  /** Makes the frame with what is passed to a hole. Below it are the hole's own variables. */
  #base(isFramed: boolean, passed: readonly Passed[]): Frame {
    const { environment, frame, handed } = this.#seat;
    const around = isFramed ? frame.push(true) : environment.newFrame();
    if (isFramed) for (const [i, name] of handed.names.entries()) around.set(name, handed.values[i]);
    const base = around.push(true);
    for (const [name, value] of passed) base.set(name, value);
    return base;
  }

  /** Returns the context that a hole runs in. A hole that defines macros or imports has its own. */
  #contextOf({ isInContext, sees }: HoleSpot, root: RootFunction, { defines }: HoleBlock): HoleContext {
    const kind = isInContext ? 'context' : sees;
    this.#shared ??= new Map();
    let shared = this.#shared.get(kind);
    if (shared === undefined) {
      shared = new Map();
      this.#shared.set(kind, shared);
    }
    const known = defines ? undefined : shared.get(root);
    if (known !== undefined) return known;
    const made = this.#newContext(isInContext, sees, root);
    if (!defines) shared.set(root, made);
    return made;
  }

  /** Makes a context with a copy of the page's variables, or none, and with what the template defines for its holes. */
  #newContext(isInContext: boolean, sees: HoleSpot['sees'], root: RootFunction): HoleContext {
    const { environment, page, context: around, root: own } = this.#seat;
    const Context = around.constructor as ContextClass;
    const context = new Context(sees === 'nothing' ? {} : around.ctx, {}, page.ownEnvironment);
    environment.noteTemplate(context, root);
    if (isInContext && root !== own) environment.noteTemplate(context, own);
    const definitions = isInContext ? undefined : holeBlocksOf(root)?.definitions;
    if (definitions === undefined) return { context, defined: NOTHING };
    runBlock(definitions, { environment, page, context, frame: environment.newFrame() });
    const defined = Object.keys(context.ctx).filter((name) => context.ctx[name] !== around.ctx[name]);
    return { context, defined: new Set(defined) };
  }
}

interface HoleContext {
  readonly context: Context;
  /** Names that its template has defined in it. */
  readonly defined: ReadonlySet<string>;
}

export interface Noted {
  readonly text: string;
  readonly reads: readonly HoleRead[];
}

const NOTHING: ReadonlySet<string> = new Set();

function missing(): CacheSweeperError {
  return new CacheSweeperError(
    'CACHESWEEPER_HOLE',
    'the compiled code of this template has no content for {% uncached %}: compile it with the environment that the ' +
      'sweeper is installed in, by this version of nunjucks-cachesweeper',
  );
}
