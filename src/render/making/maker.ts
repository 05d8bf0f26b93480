/** What a maker has begun, as far as the maker must know. */
interface Begun {
  number: number;
  readonly result: unknown;
  readonly waiters: ReadonlySet<{ readonly maker: Maker }>;
}

/** Keeps the makings of one kind. */
interface Keeper<M extends Begun> {
  /** The maker will not go on with it. */
  leave(making: M): void;
}

/** How long a page or view has waited for others, together with what is rendered for it. */
class Patience {
  #waits = 0;
  #since = 0;
  #before = 0;

  /** Milliseconds. */
  get waited(): number {
    return this.#before + (this.#waits > 0 ? performance.now() - this.#since : 0);
  }

  /** Waits that overlap count once. */
  begin(): void {
    if (this.#waits++ === 0) this.#since = performance.now();
  }

  end(): void {
    if (this.#waits === 1) this.#before = this.waited;
    this.#waits--;
  }
}

/**
 * A render, or a view, that makes what others may wait for, and waits for others. What is rendered for one of its lazies
 * waits on its behalf.
 */
export class Maker {
  readonly #around: Maker | undefined;
  readonly patience: Patience;
  /** Until when what it makes early was to live: milliseconds since 1970, 0 if it makes nothing early. */
  renews = 0;
  readonly #makings = new Map<Begun, Keeper<never>>();

  /** Whether it renders for a lazy of a page. */
  readonly isInLazy: boolean;
  readonly #isPage: boolean;

  /**
   * @param around for whom it renders: a page, of which it is a lazy's part, or a view
   * @param isPage whether it is a page itself
   */
  constructor(around: Maker | undefined, isPage: boolean) {
    this.#around = around;
    this.#isPage = isPage;
    this.isInLazy = around !== undefined && (around.#isPage || around.isInLazy);
    this.patience = around?.patience ?? new Patience();
  }

  /** The number of its oldest making that is not done, or of one that waits for it; Infinity if there is none. */
  get oldest(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { number } of this.#open()) oldest = Math.min(oldest, number);
    return oldest;
  }

  /**
   * Makes what it has begun count as begun now, so that it may wait for what others began meanwhile. Does nothing where
   * somebody waits for it who makes something, because that one waits only for what began before its own.
   */
  postpone(next: () => number): void {
    const open = [...this.#open()];
    const isFree = ({ waiters }: Begun) => [...waiters].every(({ maker }) => maker.oldest === Number.POSITIVE_INFINITY);
    if (open.every(isFree)) for (const making of open) making.number = next();
  }

  /** What it, and for whom it renders, has begun and not done. */
  *#open(): Iterable<Begun> {
    if (this.#around !== undefined) yield* this.#around.#open();
    for (const making of this.#makings.keys()) if (making.result === undefined) yield making;
  }

  /** The same, with what those make for whom it renders. */
  get renewsAround(): number {
    return Math.max(this.renews, this.#around?.renewsAround ?? 0);
  }

  add<M extends Begun>(making: M, keeper: Keeper<M>): void {
    this.#makings.set(making, keeper);
  }

  delete(making: Begun): void {
    this.#makings.delete(making);
  }

  /** It makes nothing more. */
  end(): void {
    for (const [making, keeper] of this.#makings) keeper.leave(making as never);
    this.#makings.clear();
  }
}
