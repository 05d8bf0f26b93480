import type { Entries, KeyedEntry } from '../../cache/entries.ts';
import type { Token } from '../../cache/token.ts';
import { PENDING } from '../../cache/token-reader.ts';
import { dependencyNames } from '../../model/names.ts';
import type { Settings } from '../../options.ts';
import { MAX_PATHS, NO_READS, type ReadShape } from '../../reads/shape.ts';
import { union } from '../../reads/shape-parts.ts';
import { KeyCollector } from '../../reads/sinks.ts';
import { walk } from '../../reads/walk.ts';
import { digest } from '../../util/digest.ts';
import { addTo } from '../../util/lists.ts';
import type { Body } from '../body.ts';
import type { Missed, Use } from '../fragment-call.ts';
import type { Place } from '../place.ts';
import type { Render } from '../render.ts';
import { FragmentLeases } from './fragment-leases.ts';
import type { Making } from './making.ts';
import { Makings } from './makings.ts';

const CHARACTERS = 22;
/** How often a page waits for one fragment: a second time when the first showed what its variants differ in. */
const MAX_TRIES = 2;

/** What a use of a tag that misses does: it renders the body, waits for who renders it, or looks at what that one has made. */
export type Joined = 'make' | 'wait' | 'look';

/** Lets one page render a fragment whose body waits for data, while others that miss the same fragment wait for that page. */
export class FragmentMakings {
  readonly #makings: Makings<KeyedEntry>;
  readonly #entries: Entries;
  readonly #isInTransaction: () => boolean;
  /** Paths that the bodies of a tag have read, without a store. Once they are known, nobody waits for another variant. */
  readonly #shapes = new WeakMap<Place, ReadShape>();

  readonly #leases: FragmentLeases | undefined;
  readonly #recorded: (place: Place) => ReadShape | undefined;

  /**
   * @param recorded returns the paths that a tag's record in the store has
   * @param isInTransaction whether the running code is in a transaction, which may hold a connection that the maker needs
   */
  constructor(
    settings: Settings,
    entries: Entries,
    recorded: (place: Place) => ReadShape | undefined,
    isInTransaction: () => boolean,
  ) {
    const { leases } = entries;
    this.#leases = leases && new FragmentLeases(leases, settings.wait);
    this.#recorded = recorded;
    this.#makings = new Makings(settings, leases !== undefined);
    this.#entries = entries;
    this.#isInTransaction = isInTransaction;
  }

  get counts(): Makings<KeyedEntry>['counts'] {
    return this.#makings.counts;
  }

  /** A page is served what another has made. */
  coalesced(): void {
    this.#makings.coalesced();
  }

  /** Whether another page is making this fragment, in this variant. */
  isElsewhere(use: Use): boolean {
    const { render, key } = use;
    if (render.watch?.isShadow) return false;
    const lease = render.leases.get(key.memoryKey);
    if (lease !== undefined) return lease.isElsewhere === true;
    const making = this.#find(use);
    return making !== undefined && making.result === undefined;
  }

  /** Tells a use of a tag what to do. Where it is to wait, the pass does. */
  join(use: Use): Joined {
    const { render, key } = use;
    const asking = this.#leases?.asking(use);
    if ((asking === undefined && this.#makings.size === 0) || !this.#takesPart(use)) return 'make';
    if (asking !== undefined) {
      // Somebody is about to make it.
      render.pass.pending.add(asking);
      return 'wait';
    }
    const making = this.#find(use);
    if (making === undefined) return 'make';
    const handed: readonly KeyedEntry[] = render.handed.get(key.memoryKey) ?? NONE;
    // It was another variant, or has become invalid since.
    if (handed.length >= MAX_TRIES || handed.includes(making.result as KeyedEntry)) return 'make';
    const isSame = hasSameTokens(render, making.tokens);
    if (isSame === 'pending') return 'wait';
    if (!isSame) return 'make';
    if (making.result !== undefined) {
      hand(use, making.result);
      return 'look';
    }
    if (!this.#makings.mayWait(making, render.maker)) return 'make';
    noteShape(use, this.#shapeOf(key.place));
    render.waitFor(
      this.#makings.wait(making, render.maker).then((made) => {
        if (made !== undefined) hand(use, made);
      }),
    );
    return 'wait';
  }

  /**
   * Makes a body that waits for data a making, which others wait for.
   *
   * @param missed what is known of the fragment
   */
  watch(use: Use, body: Body, { leaseOf, hasMeanwhile }: Missed): void {
    if (!this.#makings.isOn || !this.#takesPart(use)) return;
    const { render, key } = use;
    const leases = this.#leases;
    let hasBegun = false;
    body.making = {
      memoryKey: key.memoryKey,
      hasMeanwhile,
      begin: () => {
        // Once is enough. A body may wait for a thousand things.
        if (hasBegun) return;
        hasBegun = true;
        render.makes.add(key.memoryKey);
        if (body.uncached !== undefined) return;
        const shape = this.#shapeOf(key.place);
        noteShape(use, shape);
        const what = { memoryKey: key.memoryKey, variant: variantOf(use, shape), tokens: this.#tokensOf(use) };
        this.#makings.begin(what, render.maker);
      },
      gate: (bodies) => {
        if (leases === undefined || leaseOf === undefined || body.uncached !== undefined) return undefined;
        const state = render.leases.get(key.memoryKey);
        if (state !== undefined && state.asked === undefined && state.isElsewhere !== true) return state.waits;
        if (render.hasAskedInVain) return undefined;
        const variant = variantOf(use, this.#shapeOf(key.place));
        if (this.#makings.isRefused({ memoryKey: key.memoryKey, variant })) return undefined;
        const lease = leaseOf();
        return lease === 'pending' ? KNOWN_LATER : leases.ask(use, lease, bodies);
      },
    };
  }

  /** A body was rendered and is kept. */
  kept(use: Use, made: KeyedEntry): void {
    const makings = this.#madeBy(use);
    if (makings.length === 0) return;
    this.#learn(use.key.place, made.entry.reads.shape);
    for (const making of makings) if (making.result === undefined) this.#makings.done(making, made);
  }

  /** A body was rendered and cannot be kept. */
  refused(use: Use): void {
    for (const making of this.#madeBy(use)) if (making.maker === use.render.maker) this.#makings.refuse(making);
    this.#leases?.refuse(use);
  }

  /** Returns what another page is making, or has made, of this fragment in this variant. */
  #find(use: Use): Making<KeyedEntry> | undefined {
    const { render, key } = use;
    if (this.#makings.size === 0 || render.makes.has(key.memoryKey)) return undefined;
    return this.#makings.of(key.memoryKey, variantOf(use, this.#shapeOf(key.place)))[0];
  }

  /** Returns what this use of a tag is the maker of, also where it was too slow. */
  #madeBy(use: Use): readonly Making<KeyedEntry>[] {
    const { render, key } = use;
    if (this.#makings.size === 0) return NONE;
    const isOwn = ({ first, maker }: Making<KeyedEntry>) => first === render.maker || maker === render.maker;
    const shapes = [...(render.shapes.get(key.memoryKey) ?? NONE)];
    return shapes.flatMap((shape) => this.#makings.of(key.memoryKey, variantOf(use, shape)).filter(isOwn));
  }

  #takesPart({ render }: Use): boolean {
    return render.canWait && !render.watch?.isShadow && !this.#isInTransaction();
  }

  #shapeOf(place: Place): ReadShape {
    return (this.#entries.areShared ? this.#recorded(place) : this.#shapes.get(place)) ?? NO_READS;
  }

  #learn(place: Place, shape: ReadShape): void {
    if (this.#entries.areShared) return;
    const both = union(this.#shapeOf(place), shape);
    this.#shapes.set(place, both.size > MAX_PATHS ? shape : both);
  }

  /** Returns the tokens of the tag's models, and of what the fragment was made from last time, as far as they are known. */
  #tokensOf({ render, key }: Use): ReadonlyMap<string, Token> {
    const tokens = new Map<string, Token>();
    const add = (name: string): void => {
      const token = render.reader.knownToken(name);
      if (token !== undefined) tokens.set(name, token);
    };
    for (const model of key.models) dependencyNames(model).forEach(add);
    for (const { dependencies } of this.#entries.inMemory(key.memoryKey)) {
      for (let i = 0; i < dependencies.length; i += 2) add(dependencies[i] as string);
    }
    return tokens;
  }
}

/** Returns a digest of the values that the paths of a tag have at a use of it. */
function variantOf({ scope }: Use, shape: ReadShape): string {
  if (shape === NO_READS) return '';
  const collector = new KeyCollector();
  walk(shape, scope, collector);
  return digest(`${shape.text}\n${collector.text}`, CHARACTERS);
}

/** Notes the paths by which a use of a tag makes a variant, or waits for it: another page may add to them meanwhile. */
function noteShape({ render, key }: Use, shape: ReadShape): void {
  const known = render.shapes.get(key.memoryKey);
  if (known === undefined) render.shapes.set(key.memoryKey, new Set([shape]));
  else known.add(shape);
}

/** Gives a render what another has made. It judges that by its own tokens, like any entry that it finds. */
function hand({ render, key }: Use, made: KeyedEntry): void {
  // Each use of it on the page has waited.
  const isKnown = render.handed.get(key.memoryKey)?.includes(made) === true;
  if (!render.isFinished && !isKnown) addTo(render.handed, key.memoryKey, made);
}

function hasSameTokens({ reader }: Render, tokens: ReadonlyMap<string, Token>): boolean | 'pending' {
  let isKnown = true;
  for (const [name, token] of tokens) {
    const own = reader.token(name);
    if (own === PENDING) isKnown = false;
    else if (own !== token) return false;
  }
  return isKnown ? true : 'pending';
}

const NONE: readonly never[] = [];
const KNOWN_LATER = Promise.resolve();
