const rowsOfSweepers = new WeakMap<object, KnownRows>();
/** What the first hook has told of a row. It holds for other sweepers, too, unless their own hooks tell otherwise. */
const told = new WeakMap<object, string>();

/** Returns the rows that a sweeper knows; undefined for a sweeper of another copy of this package. */
export function knownRowsOf(sweeper: object): KnownRows | undefined {
  return rowsOfSweepers.get(sweeper);
}

/**
 * The types of rows that are plain objects. Whoever read them from the database tells them, so that the rows themselves
 * stay as they are: they can be written back and cloned. A clone is another object, and is not known.
 */
export class KnownRows {
  readonly #own = new WeakMap<object, string>();

  /** @param sweeper whose rows these are */
  constructor(sweeper: object) {
    rowsOfSweepers.set(sweeper, this);
  }

  add(row: object, type: string): void {
    const known = told.get(row);
    if (known === undefined) told.set(row, type);
    else if (known !== type) this.#own.set(row, type);
  }

  typeOf(row: object): string | undefined {
    return this.#own.get(row) ?? told.get(row);
  }
}
