import { EVERYTHING } from '../model/names.ts';

/** Limit of rows for `bulk: 'rows'`. With more, the type is bumped. */
export const MAX_BULK_ROWS = 1_000;

/** A row as it is now and, if known, was before. */
export interface WrittenRow {
  readonly now: object;
  readonly previous?: object | undefined;
  /** Whether it was deleted or restored. That counts whatever the attribute of `using` is, which stays the same. */
  readonly comesOrGoes?: boolean;
}

/** One write, as an ORM's hook saw it. */
export interface Write {
  /** The ORM's name of the model. */
  readonly model: string;
  /** The model's class; undefined for models whose rows are plain objects. */
  readonly modelClass: object | undefined;
  /** Undefined if the rows are not known. */
  readonly rows: readonly WrittenRow[] | undefined;
  /** A row of which nothing is known, for `touches` where the rows are not known. Default: a plain one. */
  readonly anyRow?: object | undefined;
}

/** Stands for a write of which nobody knows what it has changed. */
export const ANY_WRITE: Write = { model: EVERYTHING, modelClass: undefined, rows: undefined };
