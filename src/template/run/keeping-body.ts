import type { Bound, Hole } from '../../cache/hole.ts';
import type { MarkSafe } from '../../reads/variables.ts';
import type { FoundHole, HoleFiller } from './hole-filler.ts';
import type { HoleRead } from './hole-reading.ts';
import { boundThrough, type HoleSpot, NOTHING_BOUND, type Spot } from './hole-spot.ts';
import type { OpenHole, OpenHoles } from './open-holes.ts';
import { passedTo } from './passed.ts';
import { WatchedBody } from './watched-body.ts';

/** A body that is to be kept, whose holes stay open: a fragment's, or a page that is kept as a whole. */
export abstract class KeepingBody extends WatchedBody {
  /** Its holes, while it is rendered and if they are left open. */
  holes: OpenHoles | undefined;
  #ended: OpenHoles | undefined;

  /** Fills its holes from where they are filled on a hit. */
  abstract get filler(): HoleFiller;
  /** Where its tag stands; undefined for a page. */
  abstract get tag(): Spot | undefined;
  abstract get markSafe(): MarkSafe;
  /** Describes a place in the body, so that it can be found on a hit; undefined if its template has no name. */
  abstract spotOf(spot: Spot): HoleSpot | undefined;
  /**
   * Does the same for a hole of a fragment in the body.
   *
   * @param tag where the tag of that fragment stands
   */
  abstract spotThrough(hole: HoleSpot, tag: Spot): HoleSpot | undefined;
  /** Whether a variable that is looked up at a place in the body comes from outside of it. */
  abstract isOutside(spot: Spot, name: string, isFramed: boolean): boolean;
  /** Whether the body has set one of some variables from outside of it. */
  abstract hasSet(variables: object, name: string): boolean;
  /**
   * Compares what a hole has found with what it would find at its place.
   *
   * @param there `isBound`: whether the template has bound the name there
   */
  abstract compare(read: HoleRead, there: FoundThere, hole: FoundHole): void;
  /** Records that values are kept with the body. */
  abstract hand(values: readonly unknown[]): void;
  /** @throws CacheSweeperError CACHESWEEPER_HOLE: a hole reads what the body sets */
  protected abstract refuseRead(name: string, hole: FoundHole): never;

  /** Whether the html of its holes was used otherwise than by printing it. In the next pass the body must not open them again. */
  get hasLostHoles(): boolean {
    return (this.#ended ?? this.holes)?.isLost === true;
  }

  /** Returns the holes of a body that has been rendered. */
  protected endHoles(): OpenHoles | undefined {
    this.#ended = this.holes;
    this.holes = undefined;
    return this.#ended;
  }

  /** Whether a hole met now stays open. If it has to show its content at once, it is lost. */
  takesHoles(): boolean {
    if (this.holes === undefined) return false;
    if (!this.holes.canOpen) this.holes.lose();
    return this.holes.canOpen;
  }

  /**
   * Leaves a hole of a fragment inside open in this body as well. Returns its mark, or what it shows if this body cannot
   * keep it.
   *
   * @param at where the tag of that fragment stands, and what this body bound there before the fragment, if that may have changed
   * @param text what the hole shows, if that is known
   * @param fill fills it from that tag
   */
  passOn(hole: Hole, { tag, bound }: PassedFrom, text: string | undefined, fill: () => string): string {
    const { ordinal, values } = hole;
    const spot = this.spotThrough(hole, tag);
    if (spot === undefined) {
      this.refuse('unknown template');
      return text ?? fill();
    }
    const found = { ...spot, ordinal, values };
    if (bound !== undefined) found.bound = boundThrough(hole, bound);
    return text === undefined ? this.openHole(found, tag, hole) : this.#leaveOpen({ hole: found, text }, tag);
  }

  /**
   * Opens a hole and returns its mark. It is filled from where it will be filled on a hit: by the outermost body that is
   * to be kept.
   *
   * @param spot where the hole is, or the tag of a fragment inside that it belongs to
   * @param there what is known of it from there: which of the page's variables it sees, and what is bound around it
   * @throws CacheSweeperError CACHESWEEPER_HOLE when it reads a variable that the body sets
   */
  openHole(hole: Omit<Hole, 'at'>, spot: Spot, there: Pick<HoleSpot, 'sees' | 'bound'> = IN_PLACE): string {
    const started = performance.now();
    const holes = this.holes as OpenHoles;
    const chain = this.#chain(hole);
    const { body, found } = chain.at(-1) as Link;
    const passed = passedTo(hole, this.markSafe);
    // What the bodies bind around the spot is compared, because it may be the same.
    const filling = { ...found, bound: there.bound };
    const { filler } = body;
    const text =
      this.reading === undefined
        ? spot.page.render.bodies.inside(body.parent, () => filler.fill(filling, passed))
        : filler.fillChecking(filling, passed, body.parent, (read) => {
            // What sees nothing at that tag sees nothing anywhere.
            const isNowhere = there.sees === 'nothing' && !hole.isFramed && read.macro === undefined;
            if (!isNowhere) check(read, spot, chain);
          });
    const { template, ordinal, values, isFramed, sees, isInContext, bound } = hole;
    holes.spent += performance.now() - started;
    return this.#leaveOpen({ hole: { template, ordinal, values, isFramed, sees, isInContext, bound }, text }, spot);
  }

  #leaveOpen(hole: OpenHole, { page }: Spot): string {
    const mark = (this.holes as OpenHoles).open(hole);
    page.render.inspection?.hole(mark, hole.text);
    return mark;
  }

  /** Returns the bodies that keep a hole, innermost first, each with the hole as it is found from there. */
  #chain(hole: FoundHole): readonly Link[] {
    const { ordinal } = hole;
    const chain: Link[] = [{ body: this, found: hole }];
    for (;;) {
      const { body, found } = chain.at(-1) as Link;
      const { parent, tag } = body;
      if (tag === undefined || !(parent instanceof KeepingBody) || !parent.holes?.canOpen) return chain;
      const spot = parent.spotThrough(found, tag);
      if (spot === undefined) return chain;
      chain.push({ body: parent, found: { ...spot, ordinal } });
    }
  }

  /** Checks that a hole reads nothing that one of the bodies sets. */
  static refuseInside({ name, isFramed, macro, isOwn }: HoleRead, spot: Spot, chain: readonly Link[]): void {
    if (macro !== undefined) {
      for (const { body, found } of chain) if (body.hasSet(macro, name)) body.refuseRead(name, found);
      return;
    }
    if (isOwn) return;
    let at = spot;
    let isSeen = isFramed;
    for (const { body, found } of chain) {
      if (body.reading !== undefined && !body.isOutside(at, name, isSeen)) body.refuseRead(name, found);
      at = body.tag ?? at;
      isSeen = isFramed && found.isFramed;
    }
  }
}

const IN_PLACE: Pick<HoleSpot, 'sees' | 'bound'> = { sees: 'page', bound: NOTHING_BOUND };

/** What is found at the place of a hole. */
export interface FoundThere {
  readonly value: unknown;
  readonly isBound: boolean;
}

/** The place of a fragment whose holes are left open in the body around. */
interface PassedFrom {
  readonly tag: Spot;
  readonly bound: Bound | undefined;
}

/** A body that keeps a hole, and the hole as it is found from there. */
interface Link {
  readonly body: KeepingBody;
  readonly found: FoundHole;
}

/** Checks that a variable is the same at a hole as where the hole is filled. */
function check(read: HoleRead, spot: Spot, chain: readonly Link[]): void {
  KeepingBody.refuseInside(read, spot, chain);
  if (read.macro !== undefined) return;
  const { body, found } = chain.at(-1) as Link;
  const there = foundAt(spot, read);
  if (there !== undefined) body.compare(read, there, found);
}

/** Undefined if it is not there, and the hole has its own. */
function foundAt({ context, frame, handed }: Spot, { name, isFramed, isOwn }: HoleRead): FoundThere | undefined {
  const i = isFramed ? handed.names.indexOf(name) : -1;
  if (i !== -1) return { value: handed.values[i], isBound: true };
  const own = isFramed ? frame.lookup(name) : undefined;
  if (own !== undefined) return { value: own, isBound: true };
  if (isOwn) return undefined;
  // What a template sets at its top it exports.
  return { value: context.lookup(name), isBound: context.exported.includes(name) };
}
