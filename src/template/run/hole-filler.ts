import type { Hole, HoleTemplate } from '../../cache/hole.ts';
import { CacheSweeperError } from '../../errors.ts';
import type { Body } from '../../render/body.ts';
import { type HoleBlock, type HoleBlocks, holeBlocksOf } from '../compile/hole-blocks.ts';
import type { Context, ContextClass, Frame, RootFunction, Runtime } from '../nunjucks.ts';
import { hideAround, isolatedFrame } from './body-scope.ts';
import { HoleBody } from './hole-body.ts';
import { type HoleRead, HoleReading } from './hole-reading.ts';
import type { HoleSpot, Spot } from './hole-spot.ts';
import { NotThere, notThere } from './not-there.ts';
import { runBlock } from './run-block.ts';
import { notedIn } from './watched-body.ts';

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
    this.#refuseBound(hole, base, at);
    return runBlock(block.run, this.#seat.page, at.context, at.runtime, base);
  }

  /**
   * Like {@link fill}.
   *
   * @param around the body whose dependencies are those of the hole
   * @param check called with each variable from outside that the hole looked up, also if it has failed with that
   */
  fillChecking(
    hole: FoundHole,
    passed: readonly Passed[],
    around: Body | undefined,
    check: (read: HoleRead) => void,
  ): string {
    const { page } = this.#seat;
    const { block, base, at } = this.#prepare(hole, passed, { around });
    this.#refuseBound(hole, base, at);
    const reading = this.#reading(around, base, at.origin, at.definitions);
    if (at.origin !== at.context) reading.enter(at.context, at.origin.ctx);
    try {
      return this.#note(reading, around, () => runBlock(block.run, page, at.context, at.runtime, base));
    } finally {
      for (const read of [...(at.definitions?.reads ?? []), ...reading.reads]) check(read);
    }
  }

  #reading(around: Body | undefined, base: Frame, context: Context, definitions?: HoleReading): HoleReading {
    return new HoleReading(notedIn(around), base, context, definitions);
  }

  /** Runs a part of a hole whose lookups are noted. */
  #note<T>(reading: HoleReading, around: Body | undefined, run: () => T): T {
    const { environment, page } = this.#seat;
    const body = new HoleBody(environment, page, reading);
    try {
      return page.render.bodies.inside(body, run);
    } finally {
      around?.include(body);
    }
  }

  #prepare(hole: FoundHole, passed: readonly Passed[], noted?: Noted): Prepared {
    const template = this.#templateOf(hole.template);
    const block =
      template === undefined || template === 'pending' ? undefined : template.blocks.holes.get(hole.ordinal);
    if (block === undefined) throw noContent();
    const missing = passed.filter(([, value]) => value === undefined).map(([name]) => name);
    const at = this.#contextOf(hole, template as FilledTemplate, block, missing, noted);
    return { block, at, base: this.#base(hole, passed, missing) };
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
  #base({ isFramed, template }: FoundHole, passed: readonly Passed[], missing: readonly string[]): Frame {
    const { environment, frame } = this.#seat;
    // Another template does not see the JavaScript variables of this one.
    const around = template === undefined ? this.#around : frame;
    const base = isolatedFrame(isFramed ? around : environment.newFrame());
    for (const [name, value] of passed) base.set(name, value);
    if (missing.length > 0) hideAround(base);
    return base;
  }

  /** Lets reading a name fail that the body binds around a hole: what is around the tag under that name is something else. */
  #refuseBound(hole: FoundHole, base: Frame, { context: { ctx } }: HoleContext): void {
    const { inFrames } = hole.bound;
    if (inFrames === '') return;
    const { ctx: around } = this.#seat.context;
    // What the template of the hole defines it sees past the variables around.
    const bound = inFrames.split(' ').filter((name) => ctx[name] === around[name] || NotThere.is(ctx[name]));
    const { lookup } = base;
    base.lookup = function lookupNothingBound(this: Frame, name: string): unknown {
      if (bound.includes(name) && !Object.hasOwn(this.variables, name)) throw notThere(name, hole);
      return lookup.call(this, name);
    };
  }

  /** The frame with the variables around the tag, and in it those that Nunjucks keeps in JavaScript alone. */
  get #around(): Frame {
    if (this.#frame !== undefined) return this.#frame;
    const { frame, context, handed } = this.#seat;
    this.#frame = frame.push(true);
    for (const [i, name] of handed.names.entries()) {
      const value = handed.values[i];
      const framed = frame.lookup(name);
      // An import is among the variables of the page, which an include in the hole may import anew.
      if (!Object.is(framed !== undefined ? framed : context.lookup(name), value)) this.#frame.set(name, value);
    }
    return this.#frame;
  }

  /**
   * Returns the context that a hole runs in. A hole that defines macros or imports has its own, as has one that is passed
   * nothing under some names: it does not see the page's variables of these names.
   */
  #contextOf(
    spot: HoleSpot,
    template: FilledTemplate,
    { defines }: HoleBlock,
    missing: readonly string[],
    noted: Noted | undefined,
  ): HoleContext {
    const { isInContext, sees, bound } = spot;
    const kind = `${isInContext ? 'context' : sees} ${noted === undefined ? '' : 'noted'} ${bound.inContext}`;
    const isOwn = defines || missing.length > 0;
    const known = isOwn ? undefined : template.contexts.get(kind);
    if (known !== undefined) return known;
    const made = this.#newContext(spot, template, noted);
    if (!isOwn) template.contexts.set(kind, made);
    if (missing.length === 0) return made;
    // The macros that it uses keep the variables that they see.
    const copy = this.#copy(made.context.ctx, isInContext, sees, template);
    for (const name of missing) copy.context.ctx[name] = undefined;
    return { ...made, ...copy, origin: made.context };
  }

  /** Makes a context of a template whose variables are a copy of others. */
  #copy(variables: object, isInContext: boolean, sees: HoleSpot['sees'], { root }: FilledTemplate): RunContext {
    const { environment, page, context: around, root: own } = this.#seat;
    const context = new (around.constructor as ContextClass)(variables, {}, page.ownEnvironment);
    if (sees !== 'nothing') notedIn(page.body)?.enter(context, variables as Record<string, unknown>);
    environment.noteTemplate(context, root);
    if (isInContext && root !== own) environment.noteTemplate(context, own);
    return { context, runtime: environment.newRuntime(context) };
  }

  /** Makes a context with a copy of the page's variables, or none, and with what the template defines for its holes. */
  #newContext(spot: HoleSpot, template: FilledTemplate, noted: Noted | undefined): HoleContext {
    const { environment, page, context: around } = this.#seat;
    const { isInContext, sees, bound } = spot;
    const { context, runtime } = this.#copy(sees === 'nothing' ? {} : around.ctx, isInContext, sees, template);
    // What its template defines takes their places.
    if (bound.inContext !== '')
      for (const name of bound.inContext.split(' ')) context.ctx[name] = new NotThere(name, spot);
    const { definitions } = template.blocks;
    if (isInContext || definitions === undefined) return { context, runtime, origin: context };
    const run = () => runBlock(definitions, page, context, runtime, environment.newFrame());
    if (noted === undefined) {
      run();
      return { context, runtime, origin: context };
    }
    const reading = this.#reading(noted.around, environment.newFrame(), context);
    this.#note(reading, noted.around, run);
    return { context, runtime, origin: context, definitions: reading };
  }
}

interface FilledTemplate {
  readonly root: RootFunction;
  readonly blocks: HoleBlocks;
  /** Contexts that its holes share, by what they see and whether that is noted. */
  readonly contexts: Map<string, HoleContext>;
}

interface RunContext {
  readonly context: Context;
  readonly runtime: Runtime;
}

interface HoleContext extends RunContext {
  /** The context that its variables are a copy of, if it is passed nothing under some names; else its own. */
  readonly origin: Context;
  /** Noted what the definitions looked up, where that is noted. */
  readonly definitions?: HoleReading;
}

/** Lookups of a hole are noted, and its dependencies are those of the body around. */
interface Noted {
  readonly around: Body | undefined;
}

interface Prepared {
  readonly block: HoleBlock;
  readonly base: Frame;
  readonly at: HoleContext;
}

function noContent(): CacheSweeperError {
  return new CacheSweeperError(
    'CACHESWEEPER_HOLE',
    'the compiled code of this template has no content for {% uncached %}: compile it with the environment that the ' +
      'sweeper is installed in, by this version of nunjucks-cachesweeper',
  );
}
