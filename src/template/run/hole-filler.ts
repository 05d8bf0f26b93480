import type { Hole, HoleTemplate } from '../../cache/hole.ts';
import { CacheSweeperError } from '../../errors.ts';
import type { Body } from '../../render/body.ts';
import { type HoleBlock, type HoleBlocks, holeBlocksOf } from '../compile/hole-blocks.ts';
import type { Context, ContextClass, Frame, RootFunction, Runtime } from '../nunjucks.ts';
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
  /** What holes of each template share; by the template as an entry names it, or by that of the tag. */
  #templates: Map<HoleTemplate | undefined, FilledTemplate> | undefined;
  /** The frame below which holes are that see the variables around the tag. */
  #frame: Frame | undefined;

  constructor(seat: Spot) {
    this.#seat = seat;
  }

  /** Whether a hole can be filled: its template is what it was. `pending` while that has to be loaded first. */
  find({ template, ordinal }: Pick<FoundHole, 'template' | 'ordinal'>): 'found' | 'pending' | 'gone' {
    const found = this.#templateOf(template);
    if (found === 'pending') return found;
    return found?.blocks.holes.has(ordinal) ? 'found' : 'gone';
  }

  /** Returns what a hole shows. It runs in the body that is being rendered, whose dependencies are those of the hole. */
  fill(hole: FoundHole, passed: readonly Passed[]): string {
    const { block, base, at } = this.#prepare(hole, passed);
    return runBlock(block.run, this.#seat.page, at.context, at.runtime, base);
  }

  /**
   * Returns what a hole shows, and which variables from outside it looked up.
   *
   * @param around the body whose dependencies are those of the hole
   */
  fillNoting(hole: FoundHole, passed: readonly Passed[], around: Body | undefined): Noted {
    const { environment, page } = this.#seat;
    const { block, base, at } = this.#prepare(hole, passed);
    const outer = around?.reading;
    const reading = new HoleReading(outer instanceof PageReading ? outer : undefined, base, at.context);
    const body = new HoleBody(environment, page, reading);
    const text = page.render.bodies.inside(body, () => runBlock(block.run, page, at.context, at.runtime, base));
    around?.include(body);
    // Its template defines these here as well, from the same source.
    return { text, reads: reading.reads.filter(({ name }) => !at.defined.has(name)) };
  }

  #prepare(hole: FoundHole, passed: readonly Passed[]): Prepared {
    const template = this.#templateOf(hole.template);
    const block =
      template === undefined || template === 'pending' ? undefined : template.blocks.holes.get(hole.ordinal);
    if (block === undefined) throw missing();
    return { block, at: this.#contextOf(hole, template as FilledTemplate, block), base: this.#base(hole, passed) };
  }

  #templateOf(template: HoleTemplate | undefined): FilledTemplate | 'pending' | undefined {
    const known = this.#templates?.get(template);
    if (known !== undefined) return known;
    const { environment, page, root: own } = this.#seat;
    const root = template === undefined ? own : environment.rootOf(page, template);
    if (root === 'pending') return root;
    const blocks = root && holeBlocksOf(root);
    if (root === undefined || blocks === undefined) return undefined;
    const found = { root, blocks, contexts: new Map<string, HoleContext>() };
    this.#templates ??= new Map();
    this.#templates.set(template, found);
    return found;
  }

  /** Returns the frame with what is passed to a hole. Below it are the hole's own variables. */
  #base({ isFramed }: FoundHole, passed: readonly Passed[]): Frame {
    let base = isFramed ? this.#around : this.#seat.environment.newFrame();
    if (passed.length === 0) return base;
    base = base.push(true);
    for (const [name, value] of passed) base.set(name, value);
    return base;
  }

  /** The frame with the variables around the tag, and in it those that Nunjucks keeps in JavaScript alone. */
  get #around(): Frame {
    if (this.#frame !== undefined) return this.#frame;
    const { frame, handed } = this.#seat;
    this.#frame = frame.push(true);
    for (const [i, name] of handed.names.entries()) this.#frame.set(name, handed.values[i]);
    return this.#frame;
  }

  /** Returns the context that a hole runs in. A hole that defines macros or imports has its own. */
  #contextOf({ isInContext, sees }: HoleSpot, template: FilledTemplate, { defines }: HoleBlock): HoleContext {
    const kind = isInContext ? 'context' : sees;
    const known = defines ? undefined : template.contexts.get(kind);
    if (known !== undefined) return known;
    const made = this.#newContext(isInContext, sees, template);
    if (!defines) template.contexts.set(kind, made);
    return made;
  }

  /** Makes a context with a copy of the page's variables, or none, and with what the template defines for its holes. */
  #newContext(isInContext: boolean, sees: HoleSpot['sees'], { root, blocks }: FilledTemplate): HoleContext {
    const { environment, page, context: around, root: own } = this.#seat;
    const Context = around.constructor as ContextClass;
    const context = new Context(sees === 'nothing' ? {} : around.ctx, {}, page.ownEnvironment);
    environment.noteTemplate(context, root);
    if (isInContext && root !== own) environment.noteTemplate(context, own);
    const runtime = environment.newRuntime(context);
    const { definitions } = blocks;
    if (isInContext || definitions === undefined) return { context, runtime, defined: NOTHING };
    runBlock(definitions, page, context, runtime, environment.newFrame());
    const defined = Object.keys(context.ctx).filter((name) => context.ctx[name] !== around.ctx[name]);
    return { context, runtime, defined: new Set(defined) };
  }
}

interface FilledTemplate {
  readonly root: RootFunction;
  readonly blocks: HoleBlocks;
  /** Contexts that its holes share, by what they see. */
  readonly contexts: Map<string, HoleContext>;
}

interface HoleContext {
  readonly context: Context;
  readonly runtime: Runtime;
  /** Names that its template has defined in it. */
  readonly defined: ReadonlySet<string>;
}

interface Prepared {
  readonly block: HoleBlock;
  readonly base: Frame;
  readonly at: HoleContext;
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
