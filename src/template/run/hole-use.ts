import type { Bound } from '../../cache/hole.ts';
import { CacheSweeperError } from '../../errors.ts';
import { writeVariables } from '../../reads/variables.ts';
import type { Position } from '../compile/template-error.ts';
import { type FoundHole, HoleFiller, type Passed } from './hole-filler.ts';
import { type HoleSpot, type Spot, spotFrom } from './hole-spot.ts';
import { KeepingBody } from './keeping-body.ts';

/** What the compiled code of a template says of a hole. */
export interface BakedHole extends Position {
  readonly ordinal: number;
  /** Names of what is passed to it. */
  readonly names: readonly string[];
  /** Names around it that are JavaScript variables there, and that its content mentions. */
  readonly handed: readonly string[];
  /** What it looks up itself. */
  readonly reads: readonly string[];
  /** Whether templates or code that it runs look up more. */
  readonly others: 'any name' | 'past the frames' | 'nothing';
}

/** One use of the tag `{% uncached %}`. */
export class HoleUse {
  readonly #spot: Spot;
  readonly #baked: BakedHole;
  readonly #passed: readonly Passed[];

  /** @param given `values`: what is passed; `handed`: JavaScript variables around it */
  constructor(
    spot: Omit<Spot, 'handed'>,
    baked: BakedHole,
    given: { readonly values: readonly unknown[]; readonly handed: readonly unknown[] },
  ) {
    this.#spot = { ...spot, handed: { names: baked.handed, values: given.handed } };
    this.#baked = baked;
    this.#passed = baked.names.map((name, i) => [name, given.values[i]]);
  }

  /** Returns what to print at its place: a mark in a body that is to be kept, and else what it shows. */
  show(): string {
    const { current } = this.#spot.page.render.bodies;
    if (!(current instanceof KeepingBody) || !current.takesHoles()) return this.#showInPlace();
    const values = this.#written(current);
    const spot = current.spotOf(this.#spot);
    const { ordinal } = this.#baked;
    if (spot !== undefined)
      return current.openHole({ ...spot, bound: this.#looked(spot), ordinal, values }, this.#spot);
    current.refuse('unknown template');
    return this.#showInPlace();
  }

  /** Returns those of the names that are bound around it which it may look up. */
  #looked({ bound: { inFrames, inContext } }: HoleSpot): Bound {
    const { reads, others } = this.#baked;
    const read = (names: string): string => reads.filter((name) => ` ${names} `.includes(` ${name} `)).join(' ');
    return {
      inFrames: others === 'any name' ? inFrames : read(inFrames),
      inContext: others === 'nothing' ? read(inContext) : inContext,
    };
  }

  #showInPlace(): string {
    const filler = new HoleFiller(this.#spot);
    const own = spotFrom(this.#spot, this.#spot) as FoundHole;
    return filler.fill({ ...own, ordinal: this.#baked.ordinal }, this.#passed);
  }

  /** Returns what is passed as text. It is kept in the entry, so the fragment is compared by it. */
  #written(body: KeepingBody): string {
    const { page } = this.#spot;
    for (const passed of this.#passed) {
      if (writeVariables([passed], { ...PLAIN, isMarkedSafe: (value) => page.world.isMarkedSafe(value) }) !== undefined)
        continue;
      throw new CacheSweeperError(
        'CACHESWEEPER_HOLE',
        `{% uncached ${passed[0]}=… %}: expected plain data, which can be kept with the fragment, such as a number, a ` +
          'text, or a list of these; pass what the hole needs of it, such as comment.id',
      );
    }
    body.hand(this.#passed.map(([, value]) => value));
    return writeVariables(this.#passed, {
      ...PLAIN,
      isMarkedSafe: (value) => page.world.isMarkedSafe(value),
    }) as string;
  }
}

/** Everything is written by its value. */
const PLAIN = { isOutside: () => false, pathTo: () => undefined };
