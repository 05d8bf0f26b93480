import type { Entries } from '../cache/entries.ts';
import { Leases } from '../cache/shared/leases.ts';
import type { Token } from '../cache/token.ts';
import type { Settings } from '../options.ts';
import { MAX_TRIES as MAX_LEASES } from '../render/making/fragment-leases.ts';
import type { Maker } from '../render/making/maker.ts';
import type { Making } from '../render/making/making.ts';
import { Makings } from '../render/making/makings.ts';
import { type KeptViews, ViewMaking } from './view-making.ts';

/** A view that a request needs. */
interface Wanted<View> {
  /** Returns what may be sent while another request makes the view anew, if there is anything. */
  findMeanwhile(): Promise<View | undefined>;
  /** Its keys, and the tokens of all that it will be made from, as far as they are known. */
  what(): { memoryKey: string; variant: string; tokens: ReadonlyMap<string, Token> };
  /** Whether these are the tokens that the request finds. */
  hasTokens(tokens: ReadonlyMap<string, Token>): Promise<boolean>;
  leaseKey(): Promise<string>;
}

/** What others give to a request: the views that another has kept, or what may be sent meanwhile. */
export type Shown<View> = KeptViews | { readonly meanwhile: View };

/** How often a request waits for one address: a second time when the first showed what its views differ in. */
const MAX_TRIES = 2;

/** Lets one request make a view, while others that miss the same view wait for it. */
export class ViewMakings {
  readonly #makings: Makings<KeptViews>;
  readonly #isInTransaction: () => boolean;
  readonly #entries: Pick<Entries, 'leases' | 'release'>;
  readonly #wait: number;

  constructor(settings: Settings, entries: Pick<Entries, 'leases' | 'release'>, isInTransaction: () => boolean) {
    this.#makings = new Makings(settings, entries.leases !== undefined);
    this.#entries = entries;
    this.#wait = settings.wait;
    this.#isInTransaction = isInTransaction;
  }

  get counts(): Makings<KeptViews>['counts'] {
    return this.#makings.counts;
  }

  /** A request is served what another has made. */
  coalesced(): void {
    this.#makings.coalesced();
  }

  /**
   * Begins to make the view of a slot. While another request makes it, finds what may be sent meanwhile, or waits and returns
   * what that one has kept. Nothing runs in between, so that of all who find nothing one begins.
   */
  enter<View>(slot: Wanted<View>, maker: Maker, tries: number): ViewMaking | Promise<Shown<View> | ViewMaking> {
    const { memoryKey, variant } = slot.what();
    const [making] = this.#makings.of(memoryKey, variant);
    if (making === undefined) return this.#begin(slot, maker);
    return this.#join(making, slot, maker, tries);
  }

  async #join<View>(
    making: Making<KeptViews>,
    slot: Wanted<View>,
    maker: Maker,
    tries: number,
  ): Promise<Shown<View> | ViewMaking> {
    const meanwhile = making.result === undefined ? await slot.findMeanwhile() : undefined;
    if (meanwhile !== undefined) return { meanwhile };
    if (tries >= MAX_TRIES || this.#isInTransaction()) return this.#begin(slot, maker);
    if (!(await slot.hasTokens(making.tokens))) return this.#begin(slot, maker);
    if (making.result !== undefined) return making.result;
    const made = this.#makings.mayWait(making, maker) ? await this.#makings.wait(making, maker) : undefined;
    return made ?? this.#begin(slot, maker);
  }

  /**
   * Asks for the lease of a view that a request is about to make. Returns whether to make it, or to look for it again: another
   * process has stored it, or its maker has failed or died; or what may be sent while another process makes it.
   *
   * @param tries how often the request has asked
   */
  async lease<View>(
    slot: Wanted<View>,
    { held, maker }: ViewMaking,
    tries: number,
  ): Promise<'make' | 'look' | { readonly meanwhile: View }> {
    const { leases } = this.#entries;
    if (leases === undefined || tries >= MAX_LEASES || this.#isInTransaction()) return 'make';
    if (this.#makings.isRefused(slot.what())) return 'make';
    const first = await slot.leaseKey();
    const key = Leases.again(first, leases.triesOf(first, tries));
    const taken = await leases.take(key);
    if (taken !== 'lost') held.add(key);
    const meanwhile = taken === 'lost' ? await slot.findMeanwhile() : undefined;
    if (meanwhile !== undefined) {
      void leases.watch(key);
      return { meanwhile };
    }
    const left = this.#wait - maker.patience.waited;
    if (taken !== 'lost' || maker.isInLazy || left <= 0) return 'make';
    maker.patience.begin();
    const waited = await leases.wait(key, left);
    maker.patience.end();
    return waited === 'free' ? 'make' : 'look';
  }

  #begin(slot: Wanted<unknown>, maker: Maker): ViewMaking {
    const takesPart = this.#makings.isOn && !this.#isInTransaction();
    const making = takesPart ? this.#makings.begin(slot.what(), maker) : undefined;
    return new ViewMaking(this.#makings, maker, making, this.#entries);
  }
}
