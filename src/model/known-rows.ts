import type { Whereabouts } from './known-models.ts';

/** Of which model a plain row is: its type, and where its id and its tenant are. */
export interface RowModel {
  readonly type: string;
  readonly id: Whereabouts | undefined;
  readonly tenant: Whereabouts | undefined;
  /** Whether saves of its rows are heard. */
  readonly isHeard: boolean;
}

interface Told extends RowModel {
  /** The sweeper's rows that a hook has told this to. */
  readonly to: KnownRows;
}

/** What the first hook has told of a row. It holds for other sweepers, too, unless their own hooks tell otherwise. */
const told = new WeakMap<object, Told>();
/** Most sites have no such hook, and ask for each row that they show. */
let isAnyTold = false;

/**
 * The models of rows that are plain objects. Whoever read them from the database tells them, so that the rows themselves
 * stay as they are: they can be written back and cloned. A clone is another object, and is not known.
 */
export class KnownRows {
  readonly #own = new WeakMap<object, Told>();
  readonly #models = new WeakMap<RowModel, Told>();

  /** @param model the same object for all rows of a model */
  add(row: object, model: RowModel): void {
    const before = this.of(row);
    isAnyTold = true;
    const now = this.#toldOf(model);
    if (before === now) return;
    if (before === undefined) told.set(row, now);
    // An extension gives a row of another client. What that was asked for is the type, but its tenant is where it was read.
    else this.#own.set(row, before.to === this ? { ...now, tenant: before.tenant } : now);
  }

  of(row: object): Told | undefined {
    return isAnyTold ? (this.#own.get(row) ?? told.get(row)) : undefined;
  }

  /** Whether the sweeper itself hears of saves of a row. A row that it knows of another sweeper may change unheard. */
  hears(row: object): boolean {
    const known = this.of(row);
    return known?.isHeard === true && known.to === this;
  }

  #toldOf(model: RowModel): Told {
    let known = this.#models.get(model);
    if (known === undefined) {
      known = { ...model, to: this };
      this.#models.set(model, known);
    }
    return known;
  }
}
